// Who should have had a mail and did not, and why; with a new mail in two clicks.
import {get} from './api.js';
import {actor, propose} from './act.js';
import {address, chip, duration, el, number, plural, relative, table, time} from './dom.js';

export const tab = 'missed';
const SPANS = [[60, '1 min'], [600, '10 min'], [3600, '1 h']];
const WHY = {dead: 'refused for good', expired: 'its link expired unsent', waiting: 'still waiting', not_published: 'auth has not published the event', not_pulled: 'no mailer has taken the event',
  ignored: 'the mailer does not know such an event', lost: 'no mail was queued'};
const BECAUSE = {'user.verification_requested': 'asked for a new link', 'user.password_reset_requested': 'asked for a new password', 'session.revoked': 'a session ended'};
const after = query => SPANS.some(([s]) => String(s) === query.get('after')) ? query.get('after') : '60';
export const load = ({query}) => get(`api/missed?after_s=${after(query)}${query.get('before') ? `&before=${encodeURIComponent(query.get('before'))}` : ''}`);
export const on = {mail: () => 'slow', action: () => 'load', overview: () => undefined};

const buttons = m => el('span', {class: 'tools end'},
  actor('Correct\u2026', () => propose('mails.correct', {user_id: m.user_id}, {word: 'Correct the address', fields: [{name: 'email', label: `The right address of ${m.username}`, type: 'email', maxlength: 254, placeholder: m.email}]})),
  actor('Resend\u2026', () => propose('mails.resend', {user_id: m.user_id}, {word: 'Resend'}), {main: true}));

export function draw(found, {query}) {
  const span = after(query);
  return {title: 'Missed mail', body: [
    el('div', {class: 'head'}, el('h1', {}, found.count ? `${plural(found.count, 'person', 'people')} did not get their mail` : 'Everybody got their mail'),
      el('span', {class: 'dim'}, `asked ${relative(found.checked_at)}: accounts against deliveries`),
      el('div', {class: 'actions'}, el('span', {class: 'dim'}, 'without delivery for'), el('div', {class: 'seg', role: 'group', 'aria-label': 'Without delivery for'},
        SPANS.map(([s, word]) => el('a', {href: address('missed', query, {after: s === 60 ? null : s, before: null}), 'aria-current': String(s) === span ? 'true' : null}, word))))),
    el('section', {class: 'panel flush'}, table([
      {name: 'User', class: 'cut', cell: m => m.job_id ? el('a', {class: 'row-link', href: `tasks/${m.job_id}`}, m.username) : m.username},
      {name: 'Address', class: 'cut', cell: m => el('span', {title: m.email}, m.email)},
      {name: 'Because', wide: true, cell: m => BECAUSE[m.event] ?? m.event?.replace('user.', '').replaceAll('_', ' ') ?? '\u2014'},
      {name: 'At', num: true, cell: m => time(m.registered_at)},
      {name: 'Why not', cell: m => chip(['dead', 'lost'].includes(m.why) ? 'broken' : 'attention', WHY[m.why] ?? m.why)},
      {name: 'Last answer', wide: true, class: 'cut', cell: m => el('span', {title: m.text}, m.text || '\u2014')},
      {name: '', num: true, wide: true, cell: buttons}], found.missed, {caption: 'People without their mail', keyOf: m => `${m.user_id}-${m.event_id}`,
      empty: `Every account that was owed a mail more than ${duration(Number(span))} ago has it.`}),
    found.next ? el('div', {class: 'foot'}, el('span', {}, number(found.count), ' in all'), el('span', {class: 'grow'}), el('a', {href: address('missed', query, {before: found.next})}, 'more \u203a')) : null)]};
}
