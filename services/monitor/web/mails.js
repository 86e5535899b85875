// The mails as a list: filters and search live in the address.
import {el, get, kindOf, mark, number, state, time, wordOf} from './dom.js';

const STATES = ['ready', 'leased', 'sent', 'dead', 'expired', 'suppressed'];
const NAMES = {verification: 'Verification', welcome: 'Welcome', password_reset: 'Password reset',
  password_changed: 'Password changed'};
export const templateName = t => NAMES[t] ?? t;

function filters(query, counts) {
  const link = (value, word) => {
    const q = new URLSearchParams(query);
    q.delete('before');
    value ? q.set('state', value) : q.delete('state');
    const current = (query.get('state') ?? '') === value;
    return el('a', {href: `/mails${q.size ? '?' + q : ''}`, 'aria-current': current ? 'true' : null},
      word, value && counts[value] ? ` ${number(counts[value])}` : '');
  };
  return el('div', {class: 'filters'}, link('', 'All'),
    STATES.filter(s => counts[s] || query.get('state') === s).map(s => link(s, wordOf(s))),
    el('form', {role: 'search'},
      query.get('state') ? el('input', {type: 'hidden', name: 'state', value: query.get('state')}) : null,
      el('input', {type: 'search', name: 'search', value: query.get('search') ?? '', maxlength: 254,
        placeholder: 'Address contains', 'aria-label': 'Address contains'})));
}

const line = j => el('tr', {},
  el('td', {}, ['broken', 'attention'].includes(kindOf(j.state))
    ? el('span', {class: 'state'}, mark(j.state), el('span', {class: `chip ${kindOf(j.state)}`}, wordOf(j.state)))
    : state(j.state)),
  el('td', {}, el('a', {href: `/mails/${j.job_id}`}, templateName(j.template))),
  el('td', {class: 'text'}, j.recipient),
  el('td', {class: 'wide text dim'}, j.last_error ?? ''),
  el('td', {class: 'num wide'}, j.attempt),
  el('td', {class: 'num'}, time(j.created_at)));

export async function mails() {
  document.title = 'Mails - Quintet';
  const query = new URLSearchParams(location.search);
  const page = await get('/api/mails' + (query.size ? '?' + query : ''));
  const next = new URLSearchParams(query);
  if (page.next) next.set('before', page.next);
  return [el('div', {class: 'head'}, el('h1', {}, 'Mails')), filters(query, page.counts),
    el('section', {class: 'panel'}, page.jobs.length
      ? el('table', {}, el('thead', {}, el('tr', {}, el('th', {}, 'State'), el('th', {}, 'Mail'),
          el('th', {}, 'To'), el('th', {class: 'wide'}, 'Last answer'), el('th', {class: 'num wide'}, 'Attempts'),
          el('th', {class: 'num'}, 'Created (UTC)'))), el('tbody', {}, page.jobs.map(line)))
      : el('p', {class: 'quiet'}, query.size ? 'No mail matches.' : 'No mail yet. Registering an account with an address sends one.')),
    page.next ? el('div', {}, el('a', {href: `/mails?${next}`}, 'Older mails')) : null].filter(Boolean);
}
