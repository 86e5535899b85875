// Run in the page by tests/browser/chrome.py: returns sentences about what some people could not
// see, reach or understand. Contrast is computed from what is really painted.
const wrong = [];
const seen = e => e.checkVisibility({checkOpacity: true, checkVisibilityCSS: true}) && e.getClientRects().length > 0;
const where = e => `<${e.localName}${e.id ? '#' + e.id : ''}${e.className && typeof e.className === 'string' ? '.' + e.className.trim().replaceAll(' ', '.') : ''}> "${(e.textContent || '').trim().slice(0, 40)}"`;

// --- structure ---
if (!document.documentElement.lang) wrong.push('the page names no language');
if (!document.title.trim()) wrong.push('the page has no title');
if (document.querySelectorAll('main').length !== 1) wrong.push('there is not exactly one main');
const heads = [...document.querySelectorAll('h1,h2,h3,h4')].filter(h => seen(h) || h.classList.contains('sr'));
if (heads.filter(h => h.localName === 'h1').length !== 1) wrong.push(`there are ${heads.filter(h => h.localName === 'h1').length} first headings`);
heads.reduce((before, h) => {
  const level = Number(h.localName[1]);
  if (before && level > before + 1) wrong.push(`heading ${where(h)} skips a level`);
  return level;
}, 0);
const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) wrong.push(`the id ${id} is there twice`);

// --- names ---
const named = e => (e.getAttribute('aria-label') || (e.getAttribute('aria-labelledby') ?? '').split(' ').map(id => document.getElementById(id)?.textContent ?? '').join(' ')
  || [...(e.labels ?? [])].map(l => l.textContent).join(' ') || e.textContent || e.getAttribute('title') || e.getAttribute('alt') || '').trim();
for (const e of document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, iframe, dialog, summary, [role=img], [role=search], nav'))
  if (seen(e) && !named(e) && !['search', 'navigation'].includes(e.getAttribute('role')) && e.localName !== 'nav') wrong.push(`${where(e)} has no name`);
for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
  if (seen(e) && !(e.labels?.length || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby'))) wrong.push(`${where(e)} ${e.name} has no label`);
for (const e of document.querySelectorAll('img')) if (!e.hasAttribute('alt')) wrong.push(`${where(e)} has no alternative text`);
for (const e of document.querySelectorAll('svg'))
  if (seen(e) && !e.closest('[aria-hidden=true]') && !(e.getAttribute('role') && named(e))) wrong.push(`the picture ${where(e)} says nothing to who cannot see it`);
for (const t of document.querySelectorAll('main table')) {
  // A name of its own, or the heading right above it.
  if (seen(t) && !t.caption && !t.ariaLabel && !t.previousElementSibling?.matches('h2, h3, h4')) wrong.push(`a table has no caption: ${where(t)}`);
  for (const h of t.querySelectorAll('thead th')) if (!h.scope) wrong.push(`${where(h)} heads nothing`);
}
for (const attribute of ['aria-labelledby', 'aria-describedby', 'popovertarget'])
  for (const e of document.querySelectorAll(`[${attribute}]`))
    for (const id of e.getAttribute(attribute).split(' ')) if (!document.getElementById(id)) wrong.push(`${where(e)} points at #${id}, which is not there`);

// --- reach: nothing clickable is unreachable by keyboard, nothing smaller than 24 px by hand ---
for (const e of document.querySelectorAll('[onclick], [tabindex]'))
  if (e.tabIndex > 0) wrong.push(`${where(e)} jumps the queue of the Tab key`);
for (const e of document.querySelectorAll('button, select, input:not([type=checkbox]):not([type=radio]):not([type=hidden])')) {
  const r = e.getBoundingClientRect();
  if (seen(e) && (r.height < 23.5 || r.width < 23.5)) wrong.push(`${where(e)} is only ${Math.round(r.width)} x ${Math.round(r.height)}`);
}
if (document.querySelector('[style]')) wrong.push(`${where(document.querySelector('[style]'))} has a style attribute`);

// --- contrast (WCAG 1.4.3): the colour of a text against what is painted under it ---
const paint = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
function rgba(colour) {
  paint.clearRect(0, 0, 1, 1);
  paint.fillStyle = '#000';
  paint.fillStyle = colour;
  paint.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
}
const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
function under(e) {
  const layers = [];
  for (let n = e; n; n = n.parentElement) {
    const c = rgba(getComputedStyle(n).backgroundColor);
    if (c[3] > 0) layers.push(c);
    if (c[3] >= 1) break;
  }
  return layers.reverse().reduce((below, c) => over(c, below), rgba('Canvas'));
}
const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((m, n) => n - m); return (x + .05) / (y + .05); };
const told = new Set();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let t = walker.nextNode(); t; t = walker.nextNode()) {
  const e = t.parentElement;
  if (!t.data.trim() || !e || !seen(e) || e.closest('.sr, .skip, script, style, noscript, :disabled, title, desc') || e.closest('[aria-hidden=true]') && !e.closest('.mark')) continue;
  const style = getComputedStyle(e), drawn = e.closest('svg');
  const back = under(drawn ? drawn.parentElement : e), fore = over(rgba(drawn ? style.fill : style.color), back);
  const large = parseFloat(style.fontSize) >= 24 || parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700;
  const got = ratio(fore, back);
  if (got < (large ? 3 : 4.5)) {
    const said = `${where(e)} has contrast ${got.toFixed(2)}`;
    if (!told.has(said)) wrong.push(said);
    told.add(said);
  }
}
return wrong;
