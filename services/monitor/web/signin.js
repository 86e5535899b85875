// The way in: an account of auth.
import {ask, session, signIn} from './api.js';
import {el} from './dom.js';

export const tab = '';
export const load = async () => session.signed_in === undefined ? ask() : session;

function refused(e) {
  if (e.status === 429) return 'Too many attempts. Please wait a moment.';
  if (e.status === 503 || e.status === 0) return `${e.message} Signing in works again when auth does.`;
  return e.message;
}

const AGAIN_MS = 2000;

// Only places inside this dashboard: no other host, no scheme.
function arrive(query) {
  const next = query.get('next') ?? '';
  document.dispatchEvent(new CustomEvent('signed-in', {detail: /^[\w?][^:\\]*$/.test(next.split('?')[0] || 'x') && !next.includes('//') ? next || './' : './'}));
}

// After a restart of the monitor: the session may come back by itself.
function wait(note, query) {
  setTimeout(async () => {
    if (!note.isConnected) return;
    await ask().catch(() => {});
    if (session.signed_in) arrive(query);
    else if (session.undecided) wait(note, query);
    else note.remove();
  }, AGAIN_MS);
}

export function draw(found, {query}) {
  const note = found.undecided && el('p', {class: 'dim', role: 'status'}, 'The database does not answer now, so nobody can say whether you are still signed in. You need not wait for that: sign in anew.');
  if (note) wait(note, query);
  const problem = el('p', {role: 'alert', class: 'bad-text'});
  const button = el('button', {class: 'main'}, 'Sign in');
  const form = el('form', {onsubmit: async e => {
    e.preventDefault();
    button.disabled = true;
    problem.textContent = '';
    try {
      await signIn(form.elements.username.value, form.elements.password.value);
      arrive(query);
    } catch (error) {
      problem.textContent = refused(error);
      form.elements.password.select();
    }
    button.disabled = false;
  }}, el('h1', {}, 'Sign in'),
  el('p', {class: 'dim'}, found.staff_read_only ? 'With an account of this system. Administrators may act, others look.' : 'With an administrator\u2019s account of this system.'),
  note || null,
  found.accounts === false ? el('p', {class: 'bad-text'}, 'auth does not answer now, so nobody can sign in with an account.') : null,
  el('label', {class: 'field'}, 'User name', el('input', {name: 'username', required: true, autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', maxlength: 254})),
  el('label', {class: 'field'}, 'Password', el('input', {name: 'password', type: 'password', required: true, autocomplete: 'current-password', maxlength: 1024})),
  problem, button,
  found.first_admin ? el('details', {class: 'dim small'}, el('summary', {}, 'No administrator yet?'),
    el('p', {}, 'Make the first one on the command line:'), el('pre', {}, found.first_admin)) : null);
  setTimeout(() => form.isConnected && document.activeElement?.closest('main') === null && form.elements.username.focus());
  return {title: 'Sign in', body: [el('section', {class: 'panel flush signin'}, form)]};
}
