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

export function draw(found, {query}) {
  const problem = el('p', {role: 'alert', class: 'bad-text'});
  const button = el('button', {class: 'main'}, 'Sign in');
  const form = el('form', {onsubmit: async e => {
    e.preventDefault();
    button.disabled = true;
    problem.textContent = '';
    try {
      await signIn(form.elements.username.value, form.elements.password.value);
      const next = query.get('next') ?? '';
      // Only places inside this dashboard: no other host, no scheme.
      document.dispatchEvent(new CustomEvent('signed-in', {detail: /^[\w?][^:\\]*$/.test(next.split('?')[0] || 'x') && !next.includes('//') ? next || './' : './'}));
    } catch (error) {
      problem.textContent = refused(error);
      form.elements.password.select();
    }
    button.disabled = false;
  }}, el('h1', {}, 'Sign in'),
  el('p', {class: 'dim'}, found.staff_read_only ? 'With an account of this system. Administrators may act, others look.' : 'With an administrator\u2019s account of this system.'),
  found.accounts === false ? el('p', {class: 'bad-text'}, 'auth does not answer now, so nobody can sign in with an account.') : null,
  el('label', {class: 'field'}, 'User name', el('input', {name: 'username', required: true, autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', maxlength: 254})),
  el('label', {class: 'field'}, 'Password', el('input', {name: 'password', type: 'password', required: true, autocomplete: 'current-password', maxlength: 1024})),
  problem, button,
  found.first_admin ? el('details', {class: 'dim small'}, el('summary', {}, 'No administrator yet?'),
    el('p', {}, 'Make the first one on the command line:'), el('pre', {}, found.first_admin)) : null);
  setTimeout(() => form.isConnected && document.activeElement?.closest('main') === null && form.elements.username.focus());
  return {title: 'Sign in', body: [el('section', {class: 'panel flush signin'}, form)]};
}
