// What the page can do beyond being read: filter the contents, copy, try a call. The token
// typed in stays in this page's memory.
let token = '';

function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// --- contents ---------------------------------------------------------------------------

function filterContents() {
  const nav = document.querySelector('nav');
  const input = el('input', {id: 'filter', type: 'search', placeholder: 'Filter, /', 'aria-label': 'Filter the contents'});
  nav.prepend(input);
  input.addEventListener('input', () => {
    const words = input.value.toLowerCase().split(/\s+/);
    for (const item of nav.querySelectorAll('ul ul li')) {
      const text = (item.textContent + ' ' + item.firstElementChild.hash).toLowerCase();
      item.hidden = !words.every((word) => text.includes(word));
    }
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.target.closest('input, textarea')) return;
    event.preventDefault();
    input.focus();
  });
}

function markCurrent() {
  const links = new Map();
  for (const link of document.querySelectorAll('nav ul ul a')) links.set(link.hash.slice(1), link);
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const link = links.get(entry.target.id);
      if (entry.isIntersecting) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
  }, {rootMargin: '-64px 0px -75% 0px'});
  for (const id of links.keys()) watcher.observe(document.getElementById(id));
}

// --- copying ----------------------------------------------------------------------------

function addCopy(pre) {
  const button = el('button', {type: 'button'}, 'Copy');
  const box = el('div', {class: 'with-copy'});
  pre.replaceWith(box);
  box.append(pre, button);
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(pre);
      button.textContent = 'Selected';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
}

// --- trying -----------------------------------------------------------------------------

function fieldFor(row) {
  let example = row.dataset.example;
  try { example = String(JSON.parse(example)); } catch { example = ''; }
  const input = el('input', {name: row.dataset.name, value: row.dataset.in === 'header' ? '' : example, autocomplete: 'off'});
  return [row.dataset, input, el('label', {}, row.dataset.name, input)];
}

function requestOf(article, fields, body) {
  let path = article.dataset.path;
  const query = new URLSearchParams();
  const headers = {Accept: path.endsWith('.json') || path.startsWith('/api') ? 'application/json' : '*/*'};
  for (const [about, input] of fields) {
    if (about.in === 'path') path = path.replace(`{${about.name}}`, encodeURIComponent(input.value));
    else if (input.value !== '' && about.in === 'query') query.set(about.name, input.value);
    else if (input.value !== '') headers[about.name] = input.value;
  }
  if (token && article.dataset.token) headers.Authorization = `Bearer ${token}`;
  if (body) headers['Content-Type'] = 'application/json';
  const text = query.toString();
  const options = {method: article.dataset.verb.toUpperCase(), headers, body: body?.value, credentials: 'omit'};
  return [text ? `${path}?${text}` : path, options];
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

async function send(article, fields, body, status, out) {
  const began = performance.now();
  status.textContent = '';
  try {
    const answer = await fetch(...requestOf(article, fields, body));
    const text = await answer.text();
    status.textContent = `${answer.status} ${answer.statusText} in ${Math.round(performance.now() - began)} ms`;
    out.textContent = pretty(text);
    out.hidden = text === '';
  } catch {
    status.textContent = 'No answer came.';
    out.hidden = true;
  }
}

function tokenField() {
  const input = el('input', {type: 'password', class: 'token', autocomplete: 'off', value: token});
  input.addEventListener('input', () => {
    token = input.value.trim();
    for (const other of document.querySelectorAll('.token')) if (other !== input) other.value = input.value;
  });
  return el('label', {}, 'Access token, kept until this page is left', input);
}

function buildForm(article) {
  const fields = [...article.querySelectorAll('tr[data-in]')].map(fieldFor);
  const sample = article.querySelector('pre.body');
  const body = sample && el('textarea', {'aria-label': 'Body', spellcheck: 'false'}, sample.textContent);
  const status = el('span', {role: 'status'});
  const out = el('pre', {tabindex: '0', hidden: ''});
  const button = el('button', {class: 'main'}, 'Send');
  const form = el('form', {}, ...fields.map((field) => field[2]));
  if (article.dataset.token) form.prepend(tokenField());
  if (body) form.append(el('label', {}, 'Body', body));
  form.append(el('div', {class: 'row'}, button, status), out);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    await send(article, fields, body, status, out);
    button.disabled = false;
  });
  return form;
}

function addTry(article) {
  const button = el('button', {type: 'button', 'aria-expanded': 'false'}, 'Try it');
  let form;
  article.querySelector('header').append(button);
  button.addEventListener('click', () => {
    if (form) form.hidden = !form.hidden;
    else article.append(form = buildForm(article));
    button.setAttribute('aria-expanded', String(!form.hidden));
    if (!form.hidden) form.querySelector('input, textarea, button').focus();
  });
}

filterContents();
markCurrent();
for (const pre of document.querySelectorAll('.examples pre')) addCopy(pre);
for (const article of document.querySelectorAll('article[data-path]')) addTry(article);
