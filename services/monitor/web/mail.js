// One mail: what happened to it, the request it came from, what it says.
import {duration, el, get, kindOf, mark, rows, time, wordOf} from './dom.js';
import {templateName} from './mails.js';

const STEP_KIND = {attempt: 'waiting', claimed: 'waiting', deferred: 'silent', dead: 'dead', expired: 'dead'};
const STEP_WORDS = {registered: 'Registered', published: 'Event published', received: 'Job created',
  claimed: 'Claimed', attempt: 'Attempt', sent: 'Sent', deferred: 'Deferred', dead: 'Given up', expired: 'Expired'};

const step = s => el('li', {}, time(s.at), mark(STEP_KIND[s.what] ?? 'sent'),
  el('span', {}, el('b', {}, STEP_WORDS[s.what] ?? s.what), ' ',
    el('span', {class: 'dim'}, [s.who && `by ${s.who}`, s.text?.replace(/, end$/, '')].filter(Boolean).join(': '))),
  el('span', {class: 'dim'}, s.duration_ms !== null && s.duration_ms !== undefined ? `${s.duration_ms} ms` : ''));

function spanRow(s, start, total) {
  const x = (s.start_us - start) / total * 100, w = Math.max(0.5, s.duration_us / total * 100);
  return el('div', {class: 'span'}, el('span', {}, `${s.service} \u00b7 ${s.name}`),
    el('svg', {viewBox: '0 0 100 12', preserveAspectRatio: 'none', role: 'img', 'aria-label': `${s.name}, ${s.duration_us / 1000} ms`},
      el('rect', {class: 'track', width: 100, height: 12}),
      el('rect', {class: 'fill', x: Math.min(x, 99), width: Math.min(w, 100 - Math.min(x, 99)), height: 12})),
    el('span', {class: 'dim'}, `${(s.duration_us / 1000).toFixed(1)} ms`));
}

function request(id, spans) {
  if (!spans.length) return null;
  const start = Math.min(...spans.map(s => s.start_us));
  const end = Math.max(...spans.map(s => s.start_us + s.duration_us));
  return el('section', {class: 'panel'}, el('header', {}, el('h2', {}, `Request ${id.slice(0, 8)}`),
    el('span', {class: 'dim'}, 'through every hop')), spans.map(s => spanRow(s, start, Math.max(1, end - start))));
}

export async function mail(id) {
  const j = await get(`/api/mails/${id}`);
  const hops = j.request_id ? (await get(`/api/requests/${j.request_id}`).catch(() => ({spans: []}))).spans : [];
  document.title = `${templateName(j.template)} to ${j.recipient} - Quintet`;
  const kind = kindOf(j.state);
  return [
    el('div', {class: 'head'}, el('h1', {}, `${templateName(j.template)} mail to ${j.recipient}`),
      ['broken', 'attention'].includes(kind) ? el('span', {class: `chip ${kind}`}, wordOf(j.state))
        : el('span', {class: 'state dim'}, mark(j.state), wordOf(j.state)),
      j.state !== 'sent' && j.last_error ? el('span', {class: 'dim'}, j.last_error) : null),
    el('div', {class: 'two'},
      el('div', {class: 'stack'},
        el('section', {class: 'panel'}, el('header', {}, el('h2', {}, 'What happened'),
          el('span', {class: 'dim'}, 'all times UTC')), el('ol', {class: 'timeline'}, j.timeline.map(step))),
        request(j.request_id ?? '', hops)),
      el('div', {class: 'stack'},
        el('section', {class: 'panel'}, el('header', {}, el('h2', {}, 'Facts')), rows([
          ['Job', el('span', {class: 'mono'}, j.job_id)],
          ['Attempts', j.attempt],
          ['Worker', j.worker ?? '-'],
          ['Message-ID', el('span', {class: 'mono'}, j.message_id ?? '-')],
          ['Request', el('span', {class: 'mono'}, j.request_id ?? '-')]], 'facts')),
        el('section', {class: 'panel'}, el('header', {}, el('h2', {}, 'The mail'), el('span', {class: 'dim'}, 'text part')),
          el('p', {}, el('b', {}, j.subject ?? '')), el('pre', {class: 'mail'}, j.preview ?? ''))))];
}
