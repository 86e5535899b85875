// Which page this is, what it shows now, and when it is drawn again.
import {ask, get, listen, session, signOut} from './api.js';
import {dragged} from './chart.js';
import {el, morph, number} from './dom.js';
import * as overview from './overview.js';
import * as workers from './workers.js';
import * as worker from './worker.js';
import * as tasks from './tasks.js';
import * as task from './task.js';
import * as flow from './flow.js';
import * as missed from './missed.js';
import * as dead from './dead.js';
import * as audit from './audit.js';
import * as signin from './signin.js';

// A page is {tab, load(ctx) -> state, draw(state, ctx) -> {title, body}, on: {event: (state, data, ctx) -> how}};
// `how`: 'draw' again from the state, 'load' it again at once, or 'slow': load it, at most every SLOW_MS.
const PAGES = [
  ['', overview], ['workers', workers], ['workers/:id', worker], ['tasks', tasks], ['tasks/:id', task],
  ['flow', flow], ['missed', missed], ['dead', dead], ['audit', audit], ['login', signin],
];
const NOWHERE = {tab: '', load: async () => null, draw: () => ({title: 'No such page', body: [
  el('h1', {}, 'There is no such page'), el('p', {class: 'dim'}, 'The address may be mistyped. ', el('a', {href: './'}, 'Overview'))]})};
const LOAD_MS = 900, SLOW_MS = 4000, SKELETON_MS = 300;

const main = document.getElementById('main'), live = document.getElementById('live');
const root = new URL(document.baseURI).pathname;
let now = {page: NOWHERE, ctx: null, state: undefined}, turn = 0, loaded = 0, waiting = 0, missedWhilePaused = false, first = true;

function here() {
  const path = location.pathname.slice(root.length).replace(/\/$/, '');
  for (const [pattern, page] of PAGES) {
    const found = new RegExp(`^${pattern.replace(':id', '([^/]+)')}$`).exec(path);
    if (found) return {page, id: found[1] && decodeURIComponent(found[1])};
  }
  return {page: NOWHERE};
}

export function go(path, {replace} = {}) {
  history[replace ? 'replaceState' : 'pushState'](null, '', path || './');
  show(true);
}

function failure(e) {
  const what = e.status === 404 ? 'This is not known here' : e.status === 503 ? 'The answer is not to be had now' : 'The monitor cannot say';
  return {title: what, body: [el('section', {class: 'panel', role: 'alert'}, el('h1', {}, what), el('p', {class: 'dim'}, e.message),
    el('div', {class: 'tools'}, el('button', {type: 'button', onclick: () => show(false)}, 'Try again'), el('a', {href: './'}, 'Overview')))]};
}

function paint(fresh, moved) {
  document.title = `${fresh.title} \u2013 Quintet`;
  if (moved) main.replaceChildren(...fresh.body.filter(Boolean));
  else morph(main, fresh.body.filter(Boolean));
}
const redraw = () => {
  if (now.state !== undefined && !dragged) paint(now.page.draw(now.state, now.ctx), false);
};

// On a phone the tabs are wider than the window.
const showTab = () => document.querySelector('nav a[aria-current]')?.scrollIntoView({block: 'nearest', inline: 'nearest'});

// moved: another address, so nothing of the old page stays; otherwise what is there is kept.
async function show(moved) {
  const mine = ++turn, {page, id} = here();
  const other = page !== now.page || id !== now.ctx?.id;
  const ctx = {id, query: new URLSearchParams(location.search), go, redraw, reload: () => show(false), old: other ? undefined : now.state, moved};
  const slow = setTimeout(() => main.classList.add('slow'), SKELETON_MS);
  if (moved) for (const a of document.querySelectorAll('nav a'))
    a.dataset.page === page.tab ? a.setAttribute('aria-current', 'page') : a.removeAttribute('aria-current');
  showTab();
  let fresh, state;
  try {
    state = await page.load(ctx);
    if (mine !== turn) return;
    fresh = page.draw(state, ctx);
  } catch (e) {
    if (mine !== turn) return;
    if (e.status === 401) return enter();
    if (!e.status && !(e.status === 0)) console.error(e);
    // A page that is being read stays readable when one refresh fails.
    if (!moved && now.state !== undefined && e.status !== 404) return;
    fresh = failure(e);
  } finally {
    clearTimeout(slow);
    if (mine === turn) main.classList.remove('slow');
  }
  now = {page, ctx, state};
  loaded = performance.now();
  paint(fresh, moved && other);
  if (!moved || !other) return;
  scrollTo(0, 0);
  // From page to page the reading place is the new page; a fresh document begins at its top.
  if (!first && document.activeElement === document.body) main.focus({preventScroll: true});
  first = false;
}

function enter() {
  session.signed_in = false;
  dress();
  const next = location.pathname.slice(root.length) + location.search;
  go(next && !next.startsWith('login') ? `login?next=${encodeURIComponent(next)}` : 'login', {replace: true});
}

// --- live ---

const paused = () => live.getAttribute('aria-pressed') !== 'true';
function later(ms) {
  if (waiting) return;
  waiting = setTimeout(() => {
    waiting = 0;
    if (!paused() && !document.hidden && !dragged && !document.querySelector('dialog[open]')) show(false);
  }, Math.max(0, loaded + ms - performance.now()));
}

function counts(found) {
  for (const name of ['missed', 'dead']) {
    const badge = document.querySelector(`nav a[data-page=${name}] .count`), n = found[name], was = badge.textContent;
    badge.hidden = n === 0;
    badge.textContent = number(n);
    badge.title = n === null ? 'not known' : '';
    if (badge.textContent.length !== was.length) showTab(); // it may have been pushed out
  }
}

function hear(event, data) {
  if (event === 'bye') { ask().then(s => s.signed_in ? channel.open() : enter()).catch(() => {}); return; }
  if (event === 'overview' && data.counts) counts(data.counts);
  if (paused()) { missedWhilePaused = true; return; }
  if (event === 'reset' || event === 'lost') { later(LOAD_MS); return; }
  // What could not be had is asked for again: a replica that has just been heard of, a database that is back.
  if (now.state === undefined && loaded) { later(SLOW_MS); return; }
  if (now.state === undefined || !now.page.on) return;
  const how = now.page.on[event]?.(now.state, data, now.ctx);
  if (how === 'draw') redraw();
  else if (how === 'load') later(LOAD_MS);
  else if (how === 'slow') { redraw(); later(SLOW_MS); }
}
function tellLive(state) {
  live.classList.toggle('broken', state === 'lost');
  if (!paused()) live.textContent = state === 'lost' ? 'Reconnecting' : 'Live';
}
const channel = listen(hear, tellLive);

function pause(on) {
  live.setAttribute('aria-pressed', String(!on));
  live.textContent = on ? 'Paused' : 'Live';
  live.title = on ? 'Figures stand still. Press to go live again.' : 'Figures change as they happen. Press to pause.';
  if (!on && missedWhilePaused) { missedWhilePaused = false; show(false); }
}

// --- the frame around the pages ---

function dress() {
  const inside = session.signed_in;
  for (const node of [document.querySelector('nav'), document.querySelector('.find'), live]) node.hidden = !inside;
  const me = document.getElementById('me-button');
  me.textContent = inside ? `${session.name} \u00b7 ${session.may_act ? session.role : 'reading'}` : 'Appearance';
  document.getElementById('leave').hidden = !inside || session.via !== 'session';
  document.getElementById('version').textContent = session.version ? `Quintet ${session.version}` : '';
  if (inside) channel.open(); else channel.close();
}

document.addEventListener('click', e => {
  const link = e.target.closest('a');
  if (!link || e.defaultPrevented || e.button || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey || link.target || link.hasAttribute('download')) return;
  if (link.classList.contains('skip')) { e.preventDefault(); main.focus(); return; }
  const href = typeof link.href === 'string' ? link.href : new URL(link.getAttribute('href'), document.baseURI).href;
  const to = new URL(href);
  if (to.origin !== location.origin || !to.pathname.startsWith(root) || to.pathname.startsWith(`${root}api/`)) return;
  e.preventDefault();
  document.querySelector('#me').hidePopover?.();
  go(to.pathname + to.search);
});
document.addEventListener('go', e => go(e.detail));
document.addEventListener('acted', () => show(false));
document.addEventListener('signed-in', async e => { dress(); go(e.detail, {replace: true}); });
// A document that was left may be kept by the browser: it must not hold a connection meanwhile, and is asked
// anew who may see it when somebody comes back.
addEventListener('pagehide', () => channel.close());
addEventListener('pageshow', e => { if (e.persisted) location.reload(); });
addEventListener('popstate', () => show(true));
document.addEventListener('visibilitychange', () => { if (!document.hidden && session.signed_in && !paused()) later(0); });

const find = document.querySelector('.find');
find.addEventListener('submit', async e => {
  e.preventDefault();
  const input = find.elements.q, q = input.value.trim();
  if (!q) return;
  input.value = '';
  input.blur();
  go(await get(`api/search?q=${encodeURIComponent(q)}`).then(found => found.page, () => `tasks?q=${encodeURIComponent(q)}`));
});

live.addEventListener('click', () => pause(!paused()));
document.getElementById('leave').addEventListener('click', async () => {
  document.getElementById('me').hidePopover();
  await signOut().catch(() => {});
  dress();
  go('login');
});
for (const radio of document.querySelectorAll('input[name=theme]')) {
  radio.checked = radio.value === (document.documentElement.dataset.theme ?? '');
  radio.addEventListener('change', () => {
    if (radio.value) document.documentElement.dataset.theme = radio.value; else delete document.documentElement.dataset.theme;
    try { radio.value ? localStorage.setItem('theme', radio.value) : localStorage.removeItem('theme'); } catch { /* only this page then */ }
  });
}

// --- keys: / find, j k rows, p pause ---

function step(by) {
  const links = [...main.querySelectorAll('tbody a.row-link')];
  if (!links.length) return;
  const at = links.findIndex(a => a.closest('tr').contains(document.activeElement));
  links[Math.min(links.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by))].focus();
}
const KEYS = {'/': () => (main.querySelector('input[type=search]') ?? find.elements.q).focus(), j: () => step(1), k: () => step(-1), p: () => pause(!paused())};
document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey || !session.signed_in || document.querySelector('dialog[open]')) return;
  if (e.target.closest('input, textarea, select, [contenteditable]')) { if (e.key === 'Escape') e.target.blur(); return; }
  if (!KEYS[e.key]) return;
  e.preventDefault();
  KEYS[e.key]();
});

try {
  await ask();
} catch (e) {
  paint(failure(e), true);
}
dress();
pause(false);
if (!session.signed_in && here().page !== signin) enter(); else show(true);
