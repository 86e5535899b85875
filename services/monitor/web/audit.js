// Who did what, when, why, and what came of it. Nothing here can be changed.
import {get} from './api.js';
import {address, chip, el, number, table, time} from './dom.js';

export const tab = 'audit';
export const load = ({query}) => {
  const q = new URLSearchParams();
  for (const k of ['before', 'actor', 'action']) if (query.get(k)) q.set(k, query.get(k));
  return get(`api/audit?${q}`);
};
export const on = {action: () => 'load'};

const WORDS = {'mails.retry': 'retried mails', 'mails.revoke': 'revoked mails', 'mails.resend': 'resent a mail', 'mails.correct': 'corrected an address', 'queue.pause': 'paused the queue', 'queue.resume': 'resumed the queue',
  'queue.settings': 'changed the queue', 'replica.drain': 'drained', 'replica.resume': 'resumed', 'replica.log_level': 'set the log level of', 'replica.pool': 'resized the pool of', 'replica.forget': 'forgot',
  'session.start': 'signed in', 'session.end': 'signed out', 'session.refused': 'was refused'};
const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
function subject(a) {
  if (!a.subject) return '\u2014';
  if (a.action.startsWith('mails.') && UUID.test(a.subject)) return el('a', {href: `tasks/${a.subject}`, class: 'mono'}, a.subject.slice(0, 8));
  return a.action.startsWith('replica.') ? el('a', {href: `workers/${encodeURIComponent(a.subject)}`}, a.subject) : a.subject;
}

export function draw({actions, next}, {query}) {
  const filtered = query.get('actor') || query.get('action');
  return {title: 'Audit', body: [
    el('div', {class: 'head'}, el('h1', {}, 'Audit'), el('span', {class: 'dim'}, filtered ? el('a', {href: 'audit'}, `only ${[query.get('actor'), WORDS[query.get('action')] ?? query.get('action')].filter(Boolean).join(', ')}: show all`) : 'every action and sign-in')),
    el('section', {class: 'panel flush'}, table([
      {name: 'At (UTC)', cell: a => time(a.at)}, {name: 'Who', cell: a => el('a', {href: address('audit', query, {actor: a.actor, before: null})}, el('b', {}, a.actor || '\u2014'))},
      {name: 'Did', cell: a => el('a', {href: address('audit', query, {action: a.action, before: null})}, WORDS[a.action] ?? a.action)}, {name: 'What', class: 'cut', cell: subject},
      {name: 'Count', num: true, wide: true, cell: a => number(a.count)}, {name: 'Reason', wide: true, class: 'cut', cell: a => el('span', {title: a.reason}, a.reason || '\u2014')},
      {name: 'What came of it', wide: true, class: 'cut', cell: a => el('span', {title: a.summary}, a.outcome === 'done' ? null : [chip(a.outcome === 'failed' ? 'broken' : 'attention', a.outcome), ' '], a.summary || '\u2014')},
      {name: 'From', wide: true, cell: a => el('span', {class: 'dim'}, [a.client, a.via === 'basic' ? 'script' : ''].filter(Boolean).join(', ') || '\u2014')}], actions, {caption: 'Actions', keyOf: a => `a${a.id}`, empty: 'Nobody has done anything yet.'}),
    next || query.get('before') ? el('div', {class: 'foot'}, el('span', {class: 'grow'}), query.get('before') ? el('a', {href: address('audit', query, {before: null})}, '\u2039 newest') : null,
      next ? el('a', {href: address('audit', query, {before: next})}, 'older \u203a') : null) : null)]};
}
