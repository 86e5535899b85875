// Talking to the monitor. Addresses are relative to where the dashboard lives.

export const session = {signed_in: false, may_act: false};

async function call(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw Object.assign(new Error('The monitor cannot be reached.'), {status: 0});
  }
  const body = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  throw Object.assign(new Error(body.detail || answer.statusText || `Answer ${answer.status}`),
    {status: answer.status, code: body.code, details: body.details ?? {}, position: body.position});
}

export const get = path => call(path, {headers: {Accept: 'application/json'}});

async function send(method, path, body) {
  const write = () => call(path, {
    method, headers: {'Content-Type': 'application/json', 'X-CSRF-Token': session.csrf ?? ''},
    body: body ? JSON.stringify(body) : undefined,
  });
  try {
    return await write();
  } catch (e) {
    if (e.code !== 'csrf_failed') throw e;
    await ask(); // the session is a newer one than this page's
    return write();
  }
}
export const post = (path, body) => send('POST', path, body);
export const remove = path => send('DELETE', path);

function take(fresh) {
  for (const key of Object.keys(session)) delete session[key];
  return Object.assign(session, fresh);
}
export const ask = async () => take(await get('api/session'));
export const signIn = async (username, password) => take(await post('api/session', {username, password}));
export async function signOut() {
  await remove('api/session');
  take({signed_in: false, may_act: false});
}

// --- the live channel ---

const EVENTS = ['overview', 'mail', 'change', 'action', 'reset', 'bye'];
const AGAIN_MS = 5000;

// hear(event, data); tell(state) with 'live', 'lost' or 'off'.
export function listen(hear, tell) {
  let source = null, timer = 0;
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const open = () => {
    close();
    source = new EventSource('api/live');
    source.onopen = () => tell('live');
    source.onerror = () => {
      tell('lost');
      // The browser tries again by itself unless the answer was an error.
      if (source?.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, AGAIN_MS);
      hear('lost', {});
    };
    for (const name of EVENTS)
      source.addEventListener(name, e => {
        let data = {};
        try { data = JSON.parse(e.data); } catch { /* an empty event */ }
        if (name === 'bye') close();
        hear(name, data);
      });
  };
  return {open, close};
}
