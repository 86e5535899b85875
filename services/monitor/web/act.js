// Acting: what will happen, to how many, why; then what did happen, with undo where there is one.
import {post, session} from './api.js';
import {el, plural} from './dom.js';

const REASON = {minlength: 3, maxlength: 300};

// A button that acts; nothing for who may only look.
export const actor = (word, onclick, {main, danger} = {}) => session.may_act ? el('button', {
  type: 'button', class: main ? 'main' : danger ? 'danger' : null, onclick}, word) : null;

let gone = 0;
export function tell(text, undo) {
  document.querySelector('.result')?.remove();
  clearTimeout(gone);
  const box = el('div', {class: 'result', role: 'status'}, text,
    undo ? el('button', {type: 'button', onclick: () => { box.remove(); run(undo.action, undo.body, 'Undone at once.'); }}, undo.label ?? 'Undo') : null,
    el('button', {type: 'button', 'aria-label': 'Close', onclick: () => box.remove()}, 'Close'));
  document.body.append(box);
  gone = setTimeout(() => box.remove(), undo ? 20000 : 8000);
}

async function run(action, body, reason) {
  try {
    const done = await post(`api/actions/${action}`, {...body, reason});
    tell(done.summary, done.undo);
    document.dispatchEvent(new CustomEvent('acted'));
    return done;
  } catch (e) {
    tell(sentence(e));
    return null;
  }
}

const sentence = e => [e.message, ...Object.entries(e.details ?? {}).map(([k, v]) => `${k}: ${[v].flat().join(' ')}`)].join(' ');

function sampleList(preview) {
  const more = preview.count - preview.sample.length;
  if (!preview.sample.length) return null;
  return el('ul', {class: 'dim small'}, preview.sample.map(s => el('li', {}, s.text)), more > 0 ? el('li', {}, `and ${plural(more, 'more', 'more')}`) : null);
}

// fields: [{name, label, type, value, min, max, required, placeholder}], asked before the preview is made.
// One dialog: fields if there are any, what will happen, the reason, the button.
export function propose(action, body, {word, danger, fields = []}) {
  return new Promise(resolve => {
    const problem = el('p', {class: 'bad-text', role: 'alert'});
    const title = el('h2', {id: 'ask-title'}, 'One moment');
    const what = el('div', {class: 'stack'}, el('p', {class: 'dim'}, fields.length ? '' : 'Counting what this touches.'));
    const inputs = fields.map(f => el('label', {class: 'field'}, f.label,
      el('input', {name: f.name, type: f.type ?? 'text', value: f.value ?? null, min: f.min, max: f.max, required: f.required ?? true, placeholder: f.placeholder, maxlength: f.maxlength, autocomplete: 'off'})));
    const go = el('button', {class: danger ? 'danger' : 'main'}, word);
    const form = el('form', {method: 'dialog'}, title, inputs, what,
      el('label', {class: 'field'}, 'Reason, kept in the audit list',
        el('input', {name: 'reason', required: true, ...REASON, autocomplete: 'off'})),
      problem,
      el('footer', {}, el('button', {type: 'button', onclick: () => dialog.close()}, 'Cancel'), go));
    const dialog = el('dialog', {'aria-labelledby': 'ask-title'}, form);
    let result = null;
    const values = () => {
      const found = {};
      for (const f of fields) {
        const text = form.elements[f.name].value.trim();
        found[f.name] = f.type === 'number' ? (text === '' ? null : Number(text)) : text;
      }
      return {...body, ...found};
    };
    const look = async () => {
      try {
        const preview = await post(`api/actions/${action}`, {...values(), preview: true});
        title.textContent = preview.title;
        what.replaceChildren(el('p', {}, preview.summary), sampleList(preview) ?? '');
        problem.textContent = '';
        go.disabled = preview.count === 0 && action.startsWith('mails.'); // nothing to act on
      } catch (e) {
        if (title.textContent === 'One moment') title.textContent = word;
        if (!fields.length) what.replaceChildren();
        problem.textContent = sentence(e);
      }
    };
    let timer = 0;
    for (const f of fields)
      form.elements[f.name].oninput = () => { clearTimeout(timer); timer = setTimeout(() => form.elements[f.name].checkValidity() && look(), 400); };
    form.onsubmit = async e => {
      e.preventDefault();
      go.disabled = true;
      try {
        result = await post(`api/actions/${action}`, {...values(), reason: form.elements.reason.value.trim()});
        dialog.close();
        tell(result.summary, result.undo);
        document.dispatchEvent(new CustomEvent('acted'));
      } catch (error) {
        problem.textContent = sentence(error);
      }
      go.disabled = false;
    };
    dialog.onclose = () => { dialog.remove(); resolve(result); };
    document.body.append(dialog);
    dialog.showModal();
    const empty = fields.some(f => f.required !== false && !form.elements[f.name].value);
    if (empty) { title.textContent = word.replace(/\u2026$/, ''); what.replaceChildren(); } else look();
    (inputs[0]?.querySelector('input') ?? form.elements.reason).focus();
  });
}
