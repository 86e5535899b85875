// Building pages from data: text only ever becomes text, never markup.

const SVG = 'http://www.w3.org/2000/svg';

// el('a', {href: '/', class: 'x'}, 'text', el(...), null): null and false are left out.
export function el(name, attributes = {}, ...children) {
  const node = ['svg', 'rect', 'title'].includes(name)
    ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes))
    if (value !== null && value !== undefined && value !== false)
      node.setAttribute(key, value === true ? '' : value);
  node.append(...children.flat().filter(c => c !== null && c !== undefined && c !== false));
  return node;
}

const KINDS = {
  up: 'well', sent: 'well', 'not ready': 'attention', draining: 'attention',
  silent: 'attention', mute: 'attention', crashed: 'broken', frozen: 'broken',
  dead: 'broken', expired: 'broken', 'never seen': 'broken', stopped: 'stopped',
  suppressed: 'stopped', ready: 'waiting', leased: 'waiting', waiting: 'waiting',
};
export const kindOf = state => KINDS[state] ?? 'attention';

const WORDS = {ready: 'waiting', leased: 'sending', silent: 'silent'};
export const wordOf = state => WORDS[state] ?? state;

export const mark = state => el('span', {class: `mark ${kindOf(state)}`, 'aria-hidden': 'true'});
export const state = s => el('span', {class: 'state'}, mark(s), wordOf(s));

export const number = n => n.toLocaleString('en').replaceAll(',', '\u202f');
export const clock = at => at ? at.slice(11, 19) : '';
export function ago(at, now = new Date()) {
  const s = Math.max(0, (now - new Date(at)) / 1000);
  if (s < 90) return `${Math.round(s)} s ago`;
  if (s < 5400) return `${Math.round(s / 60)} min ago`;
  return s < 129600 ? `${Math.round(s / 3600)} h ago` : `${Math.round(s / 86400)} days ago`;
}
export const time = at => el('time', {datetime: at, title: `${at} \u00b7 ${ago(at)}`}, clock(at));
export function duration(s) {
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  return s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} days`;
}
export const rows = (pairs, extra = '') => el('dl', {class: `rows ${extra}`},
  pairs.flatMap(([k, v]) => [el('dt', {}, k), el('dd', {}, v)]));

export async function get(path) {
  const answer = await fetch(path, {headers: {Accept: 'application/json'}});
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(body.detail || answer.statusText), {status: answer.status});
  return body;
}
