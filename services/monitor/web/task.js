// One mail: what happened to it, the request it came from, what it says.
import {get} from './api.js';
import {actor, propose} from './act.js';
import {el, facts, mailState, mark, number, panel, plural, relative, stateOf, svg, table, templateTitle, time, took} from './dom.js';

export const tab = 'tasks';
export async function load({id}) {
  const job = await get(`api/mails/${encodeURIComponent(id)}`);
  const spans = job.request_id ? await get(`api/requests/${job.request_id}`).then(r => r.spans, () => []) : [];
  return {job, spans};
}
export const on = {mail: (state, m) => m.job_id === state.job.job_id ? 'load' : undefined, action: (state, a) => a.subject === state.job.job_id ? 'load' : undefined};

const KIND = {lost: 'attention', attempt: 'ready', claimed: 'ready', next: 'ready', deferred: 'attention', dead: 'dead', expired: 'expired', revoked: 'revoked', suppressed: 'suppressed', paused: 'attention'};
const WORD = {registered: 'Registered', requested: 'Asked for', lost: 'The worker died', published: 'Event published', received: 'Job created', claimed: 'Claimed', attempt: 'Attempt', sent: 'Sent', deferred: 'Deferred', next: 'Next try',
  dead: 'Given up', expired: 'Expired', revoked: 'Revoked', retried: 'Queued again', suppressed: 'Not needed any more', resent: 'Sent again'};
function step(s, i) {
  const said = s.text?.replace(/, end$/, '') ?? '', bold = ['dead', 'deferred'].includes(s.what) && said;
  return el('li', {'data-key': `s${i}`}, time(s.at), mark(KIND[s.what] ?? 'sent'),
    el('p', {}, bold ? el('b', {}, said) : el('span', {}, WORD[s.what] ?? s.what), ' ',
      el('span', {class: 'dim'}, bold ? `${WORD[s.what].toLowerCase()}${s.who ? ` by ${s.who}` : ''}` : [s.who && `by ${s.who}`, said].filter(Boolean).join(', '))),
    el('span', {class: 'dim small'}, s.duration_ms !== null && s.duration_ms !== undefined ? took(s.duration_ms * 1000) : ''));
}

const PHASES = {render: 'writing the mail', connect: 'connecting', hello: 'greeting', auth: 'our sign-in', sender: 'sender', recipient: 'recipient', data: 'before the text', body: 'text', end: 'after the text', lost: 'the worker died'};
const replies = a => a.dialogue?.length ? el('details', {}, el('summary', {}, a.text ?? plural(a.dialogue.length, 'reply', 'replies')),
  el('ol', {class: 'dialogue'}, a.dialogue.map(d => el('li', {}, el('span', {class: 'dim'}, `${number(d.ms)} ms ${PHASES[d.phase] ?? d.phase} `), el('span', {class: 'mono'}, d.text))))) : a.text ?? '\u2014';
function attempts(list) {
  if (!list?.length) return null;
  return panel('Attempts', 'with the replies of the mail server', table([
    {name: 'No.', num: true, wide: true, cell: a => number(a.attempt)}, {name: 'At', cell: a => time(a.at)}, {name: 'Worker', wide: true, cell: a => a.worker ?? '\u2014'},
    {name: 'Got to', cell: a => PHASES[a.phase] ?? a.phase}, {name: 'Code', num: true, cell: a => a.code ?? '\u2014'}, {name: 'Reply', cell: replies},
    {name: 'Took', num: true, wide: true, cell: a => took(a.duration_ms * 1000)}], list, {caption: 'Attempts', keyOf: a => `n${a.attempt}-${a.at}`}));
}
const METHODS = {'mailer.jobs.retry': 'retried', 'mailer.jobs.revoke': 'revoked'};
const operators = list => list?.length ? panel('What operators did', null, table([
  {name: 'At', cell: a => time(a.at)}, {name: 'Who', cell: a => el('b', {}, a.actor)}, {name: 'Did', cell: a => METHODS[a.method] ?? a.method}, {name: 'Reason', cell: a => a.reason}], list, {caption: 'Actions of operators'})) : null;

function hop(s, start, total) {
  const x = (s.start_us - start) / total * 100, w = Math.max(.6, s.duration_us / total * 100);
  return el('div', {class: 'hop'}, el('span', {}, `${s.service} \u00b7 ${s.name}`),
    svg('svg', {role: 'img', 'aria-label': `${s.name}: ${took(s.duration_us)}, ${took(s.start_us - start)} after the start`},
      svg('rect', {class: 'track', width: '100%', height: 12, rx: 2}), svg('rect', {class: 'fill', x: `${Math.min(x, 99.4).toFixed(2)}%`, width: `${Math.min(w, 100 - Math.min(x, 99.4)).toFixed(2)}%`, height: 12, rx: 2})),
    el('span', {class: 'num'}, took(s.duration_us)));
}
function request(id, spans) {
  if (!spans.length) return null;
  const start = Math.min(...spans.map(s => s.start_us)), end = Math.max(...spans.map(s => s.start_us + s.duration_us));
  return panel(`Request ${id.slice(0, 8)}`, 'through every hop', spans.map(s => hop(s, start, Math.max(1, end - start))));
}

function mail(job, query) {
  const parts = [['html', 'HTML'], ['text', 'text'], ['headers', 'headers']], path = `tasks/${job.job_id}`;
  const part = parts.some(([k]) => k === query.get('part')) ? query.get('part') : 'html';
  const text = {text: job.preview ?? '', headers: Object.entries(job.headers ?? {}).map(([k, v]) => `${k}: ${v}`).join('\n')}[part];
  return el('section', {class: 'panel'}, el('header', {}, el('h2', {}, 'The mail'), el('span', {class: 'dim small'},
    parts.map(([k, w], i) => [i ? ' \u00b7 ' : '', k === part ? el('b', {}, w) : el('a', {href: `${path}?part=${k}`}, w)]))),
  el('p', {class: 'small dim mail-subject'}, job.subject ?? ''),
  part === 'html' ? el('iframe', {class: 'mail', 'data-key': 'mail-html', sandbox: '', referrerpolicy: 'no-referrer', title: `The mail as its reader sees it: ${job.subject ?? ''}`, src: `api/mails/${job.job_id}/html`})
    : el('pre', {class: 'mail-text', 'data-key': `mail-${part}`}, text));
}

function buttons(job) {
  const ids = [job.job_id], list = [], state = job.state;
  if (job.can_revoke ?? ['ready', 'leased'].includes(state)) list.push(actor('Revoke\u2026', () => propose('mails.revoke', {ids}, {word: 'Revoke', danger: true}), {danger: true}));
  if (job.user_id && state !== 'sent') list.push(actor('Correct the address\u2026', () => propose('mails.correct', {user_id: job.user_id}, {word: 'Correct the address',
    fields: [{name: 'email', label: 'The right address', type: 'email', maxlength: 254, placeholder: job.recipient}]})));
  if (job.user_id && job.template === 'verification') list.push(actor('Resend\u2026', () => propose('mails.resend', {user_id: job.user_id}, {word: 'Resend'}), {main: state === 'expired'}));
  if (job.can_retry ?? ['dead', 'ready', 'revoked'].includes(state)) list.push(actor('Retry\u2026', () => propose('mails.retry', {ids}, {word: 'Retry'}), {main: true}));
  return list;
}

export function draw({job, spans}, {query}) {
  const title = `${templateTitle(job.template)} to ${job.recipient}`, mono = text => el('span', {class: 'mono'}, text);
  const expires = job.expires_at;
  return {title, body: [
    el('div', {class: 'head'}, el('h1', {}, title), mailState(job), job.state !== 'sent' && job.last_error ? el('span', {class: 'dim'}, job.last_error) : null,
      el('div', {class: 'actions'}, buttons(job))),
    el('div', {class: 'task two'},
      el('div', {class: 'stack'},
        panel('What happened', 'all times UTC', el('ol', {class: 'timeline'}, job.timeline.map(step))),
        attempts(job.attempts), operators(job.actions), request(job.request_id ?? '', spans)),
      el('div', {class: 'stack'},
        panel('Facts', null, facts([
          ['Job', mono(job.job_id)], ['State', stateOf(job)], ['User', job.user_id ? `${job.username ? `${job.username}, ` : ''}id ${number(job.user_id)}` : null],
          ['Worker', job.worker ? el('a', {href: `workers/${encodeURIComponent(job.worker)}`, class: 'plain'}, job.worker) : '\u2014'],
          ['Attempts', job.max_attempts ? `${number(job.attempt)} of ${number(job.max_attempts)}` : number(job.attempt)],
          ['Queued', el('span', {}, time(job.created_at), ` \u00b7 ${relative(job.created_at)}`)], job.state === 'ready' ? ['Next try', relative(job.run_at)] : null,
          ['Finished', job.finished_at ? el('span', {}, time(job.finished_at), ` \u00b7 took ${took((Date.parse(job.finished_at) - Date.parse(job.created_at)) * 1000)}`) : null],
          expires ? ['Link expires', relative(expires)] : null, ['Last code', job.last_code ? String(job.last_code) : null], ['Last answer', job.last_error],
          job.uncertain ? ['Uncertain', `${plural(job.uncertain, 'time')} the server may have taken it without saying so`] : null, job.crashes ? ['Crashes', plural(job.crashes, 'worker died', 'workers died')] : null,
          job.event_seq ? ['Sequence', number(job.event_seq)] : null, ['Request', job.request_id ? mono(job.request_id) : null], ['Event', job.event_id ? mono(job.event_id) : null], ['Message-ID', job.message_id ? mono(job.message_id) : null]], 'facts')),
        mail(job, query)))]};
}
