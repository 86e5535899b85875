// Building pages from data: text only ever becomes text, never markup.

const SVG = 'http://www.w3.org/2000/svg';
const DRAWN = new Set(['svg', 'g', 'rect', 'path', 'line', 'circle', 'text', 'title', 'desc', 'tspan']);
const HANDLERS = ['onclick', 'onsubmit', 'oninput', 'onchange', 'onkeydown', 'onpointerdown',
  'onpointermove', 'onpointerup', 'onpointercancel'];

// el('a', {href: 'tasks', class: 'x', onclick: fn}, 'text', el(...), null): null and false are left out.
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}
function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') node[key] = value;
    else node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.flat(3).filter(c => c !== null && c !== undefined && c !== false));
  return node;
}

// Makes a parent's children like the fresh ones but keeps every node that can stay: focus,
// selection, scroll places and open menus survive a live update.
export function morph(parent, fresh) {
  const place = focusIn(parent);
  merge(parent, fresh);
  if (place && document.activeElement !== place.node) refocus(parent, place);
}

// A node that has the focus is not moved (that would take the focus away): the others go around it.
function merge(parent, fresh) {
  const keyed = new Map(), wanted = new Set(fresh.map(n => n.dataset?.key).filter(Boolean));
  for (const child of [...parent.children])
    if (wanted.has(child.dataset.key)) keyed.set(child.dataset.key, child);
    else if (child.dataset.key) child.remove();
  let at = parent.firstChild;
  for (const node of fresh) {
    const key = node.dataset?.key;
    let match = key ? keyed.get(key) : at && !at.dataset?.key ? at : null;
    if (match && (match.nodeType !== node.nodeType || match.nodeName !== node.nodeName)) match = null;
    if (!match) { parent.insertBefore(node, at); continue; }
    keyed.delete(key);
    if (match !== at && match.contains(document.activeElement))
      while (at !== match) { const next = at.nextSibling; parent.append(at); at = next; }
    if (match === at) at = at.nextSibling;
    else parent.insertBefore(match, at);
    patch(match, node);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// Where the focus is: which row, and the how manieth of its kind in it.
function focusIn(root) {
  const node = document.activeElement;
  if (!node || node === root || !root.contains(node)) return null;
  const row = node.closest('[data-key]') ?? root, list = row === root ? null : row.parentElement;
  return {node, key: row.dataset.key, list, index: list ? [...list.children].indexOf(row) : 0,
    kind: node.localName, nth: [...row.querySelectorAll(node.localName)].indexOf(node)};
}
// What took its place: the same row, or the one that stands where it stood.
function refocus(root, {node, key, list, index, kind, nth}) {
  if (node.isConnected) return node.focus({preventScroll: true});
  const row = !list ? root : root.querySelector(`[data-key="${CSS.escape(key)}"]`) ?? (list.isConnected ? list.children[Math.min(index, list.children.length - 1)] : null);
  (row?.querySelectorAll(kind)[nth] ?? row?.querySelector('a, button, input') ?? root).focus({preventScroll: true});
}

function patch(old, node) {
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== node.data) old.data = node.data;
    return;
  }
  const typed = old.localName === 'input' && old.type !== 'checkbox' && old.getAttribute('value') !== node.getAttribute('value');
  for (const {name} of [...old.attributes])
    if (!node.hasAttribute(name) && name !== 'open') old.removeAttribute(name);
  for (const {name, value} of node.attributes)
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const name of HANDLERS) if (old[name] !== node[name]) old[name] = node[name];
  if (typed && old !== document.activeElement) old.value = node.value;
  if (old.type === 'checkbox') old.checked = node.checked;
  merge(old, [...node.childNodes]);
}

// --- figures and times ---

export const number = n => n === null || n === undefined ? '\u2014' : n.toLocaleString('en', {maximumFractionDigits: 1});
export function rate(n) {
  if (n === null || n === undefined) return '\u2014';
  return n.toLocaleString('en', {maximumFractionDigits: n < 10 ? 1 : 0});
}
export const plural = (n, one, many = one + 's') => `${number(n)} ${n === 1 ? one : many}`;
export const mib = kib => `${(kib / 1024).toFixed(1)} MiB`;
export const percent = permille => permille === null || permille === undefined ? '\u2014' : `${(permille / 10).toFixed(permille % 1 ? 2 : 1)} %`;
function ms(us) {
  const n = us / 1000;
  return n < 10 ? n.toFixed(1) : Math.round(n).toLocaleString('en');
}
export function took(us) {
  if (us === null || us === undefined) return '\u2014';
  return us < 1e6 ? `${ms(us)} ms` : `${(us / 1e6).toFixed(2)} s`;
}
// A share of many took at most so long. The last bucket has no end: what fell into it took longer than where it begins.
const LAST_BUCKET_US = 1e7;
export const within = us => us >= LAST_BUCKET_US ? '> 10 s' : took(us);
export function pair(a, b) {
  if (a === null || a === undefined) return '\u2014';
  return `${b < 1e6 ? ms(a) : within(a)} \u00b7 ${within(b)}`;
}
export function duration(s) {
  if (s < 100) return `${s < 10 ? Math.round(s * 10) / 10 : Math.round(s)} s`;
  if (s < 6000) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  return `${Math.round(s / 86400)} days`;
}
export function relative(at, now = Date.now()) {
  const s = (now - Date.parse(at)) / 1000;
  return s >= 0 ? `${duration(Math.round(s))} ago` : `in ${duration(Math.round(-s))}`;
}
const today = () => new Date().toISOString().slice(0, 10);
export const clock = at => !at ? '\u2014' : at.slice(0, 10) === today() ? at.slice(11, 19) : `${at.slice(5, 10)} ${at.slice(11, 16)}`;
export const time = at => at ? el('time', {datetime: at, title: `${at.slice(0, 19)}Z \u00b7 ${relative(at)}`}, clock(at)) : '\u2014';
export const hhmm = at => el('time', {datetime: at, title: relative(at)}, at.slice(11, 16));

// --- states: a shape, a word, and colour only to help ---

const KINDS = {
  up: 'well', sent: 'well', done: 'well', 'not ready': 'attention', draining: 'attention', silent: 'attention',
  mute: 'attention', 'wrong version': 'attention', retry: 'attention', attention: 'attention', crashed: 'broken',
  frozen: 'broken', dead: 'broken', unseen: 'broken', broken: 'broken', failed: 'broken', down: 'broken',
  stopped: 'stopped', suppressed: 'stopped', revoked: 'stopped', expired: 'stopped', leased: 'active', ready: 'waiting',
};
export const kindOf = state => KINDS[state] ?? 'waiting';
export const mark = state => el('span', {class: `mark ${kindOf(state)}`, 'aria-hidden': 'true'});
export const chip = (kind, ...text) => el('span', {class: `chip ${kind}`}, ...text);

export const stateOf = job => job.state === 'ready' && job.attempt > 0 ? 'retry' : job.state;
export const WORDS = {ready: 'ready', leased: 'sending', retry: 'retry', sent: 'sent', dead: 'dead', expired: 'expired', suppressed: 'suppressed', revoked: 'revoked'};
export function mailState(job) {
  const state = stateOf(job), kind = kindOf(state);
  if (state === 'retry') {
    const s = Math.max(0, Math.round((Date.parse(job.run_at) - Date.now()) / 1000));
    return chip(kind, s > 0 ? `retry in ${duration(s)}` : 'retry now');
  }
  if (kind === 'well' || kind === 'waiting') return el('span', {class: 'state'}, mark(state), WORDS[state] ?? state);
  return chip(kind, WORDS[state] ?? state);
}
export const replicaState = status => kindOf(status) === 'well' || kindOf(status) === 'stopped'
  ? el('span', {class: 'state'}, mark(status), status)
  : el('span', {class: 'state'}, mark(status), chip(kindOf(status), status));

// A mail is called as its template is: password_changed is "password changed".
const words = t => t.replaceAll('_', ' ');
export const templateName = t => t === 'password_reset' ? 'reset' : words(t);
export const templateTitle = t => `${t[0].toUpperCase()}${words(t).slice(1)} mail`;

// --- small components ---

export const facts = (pairs, extra = '') => el('dl', {class: extra},
  pairs.filter(p => p && p[1] !== null && p[1] !== undefined).map(([k, v]) => [el('dt', {}, k), el('dd', {}, v)]));
export const panel = (title, side, ...body) => el('section', {class: 'panel'},
  el('header', {}, el('h2', {}, title), side ? el('span', {class: 'dim small'}, side) : null), ...body);

// columns: [{key, name, num, wide, cell(row), class}]
export function table(columns, rows, {caption, keyOf, foot, empty, head} = {}) {
  const style = c => [c.num ? 'num' : '', c.wide ? 'wide' : '', c.class ?? ''].join(' ').trim() || null;
  return el('div', {class: 'scroll'}, el('table', {},
    caption ? el('caption', {class: 'sr'}, caption) : null,
    el('thead', {}, el('tr', {}, columns.map(c => el('th', {scope: 'col', class: style(c), 'aria-sort': c.sorted ?? null}, head?.(c) ?? c.name)))),
    el('tbody', {}, rows.length ? rows.map(r => el('tr', {'data-key': keyOf?.(r) ?? null}, columns.map(c => el('td', {class: style(c)}, c.cell(r)))))
      : el('tr', {}, el('td', {colspan: columns.length, class: 'quiet'}, empty ?? 'Nothing here.'))),
    foot ? el('tfoot', {}, foot) : null));
}

export const tabs = (label, list, current) => el('div', {class: 'tabs', role: 'navigation', 'aria-label': label},
  list.map(([id, word, href]) => el('a', {href, 'aria-current': id === current ? 'page' : null}, word)));

// A relative address with some query parameters changed; null takes one away.
export function address(path, query, changes = {}) {
  const q = new URLSearchParams(query);
  for (const [k, v] of Object.entries(changes)) v === null || v === '' ? q.delete(k) : q.set(k, v);
  const text = q.toString().replaceAll('%3A', ':').replaceAll('%40', '@').replaceAll('%2C', ',');
  return text ? `${path}?${text}` : path;
}
