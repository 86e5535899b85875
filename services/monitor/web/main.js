// Which page this is, and how often it is drawn again.
import {el} from './dom.js';
import {overview} from './overview.js';
import {mails} from './mails.js';
import {mail} from './mail.js';

const EVERY_MS = 1000;
const PAGES = [
  [/^\/$/, 'overview', overview],
  [/^\/mails$/, 'mails', mails],
  [/^\/mails\/([0-9a-f-]{36})$/, 'mails', mail],
];

const main = document.getElementById('main');
const live = document.getElementById('live');
let drawn = 0;

function here() {
  for (const [pattern, name, draw] of PAGES) {
    const found = location.pathname.match(pattern);
    if (found) return {name, draw, id: found[1]};
  }
  return {name: '', draw: async () => [el('p', {class: 'panel'}, 'There is no such page.')]};
}

// Draws in place: a page that is being read neither jumps nor loses focus or selection.
async function show() {
  const page = here(), mine = ++drawn;
  for (const link of document.querySelectorAll('nav a'))
    link.toggleAttribute('aria-current', link.dataset.page === page.name);
  let content;
  try {
    content = await page.draw(page.id);
  } catch (e) {
    content = [el('p', {class: 'panel'}, `The monitor cannot say: ${e.message}`)];
  }
  if (mine === drawn && !busy()) main.replaceChildren(...content);
}

const busy = () => main.contains(document.activeElement) && document.activeElement !== main
  && main.childElementCount > 0 || String(getSelection()) !== '';

function go(path) {
  history.pushState(null, '', path);
  main.focus();
  show();
}

document.addEventListener('click', e => {
  const link = e.target.closest('a');
  if (!link || link.origin !== location.origin || e.ctrlKey || e.metaKey || e.shiftKey
      || link.pathname.startsWith('/api/') || link.hash) return;
  e.preventDefault();
  go(link.pathname + link.search);
});
document.addEventListener('submit', e => {
  e.preventDefault();
  const data = new URLSearchParams(new FormData(e.target));
  for (const [k, v] of [...data]) if (!v) data.delete(k);
  document.activeElement.blur();
  go(`${location.pathname}${data.size ? '?' + data : ''}`);
});
addEventListener('popstate', show);
live.addEventListener('click', () => {
  const on = live.getAttribute('aria-pressed') !== 'true';
  live.setAttribute('aria-pressed', on);
  live.querySelector('.word').textContent = on ? 'Live' : 'Paused';
});
setInterval(() => {
  if (live.getAttribute('aria-pressed') === 'true' && !document.hidden) show();
}, EVERY_MS);
show();
