// The charts: SVG with geometry in attributes and colours from the style sheet. Each has a
// title, a description, and a twin as a table.
import {clock, el, number, svg, table} from './dom.js';

let ids = 0;
function named(title, desc) {
  const id = `c${++ids}`;
  return {attributes: {role: 'img', 'aria-labelledby': `${id}t ${id}d`},
    nodes: [svg('title', {id: `${id}t`}, title), svg('desc', {id: `${id}d`}, desc)]};
}

const known = values => values.filter(v => v !== null && v !== undefined);

// A line over the last minute. Gaps stay gaps: null is not zero.
function tracePath(values, top, width, height) {
  let path = '', pen = false;
  values.forEach((v, i) => {
    if (v === null || v === undefined) { pen = false; return; }
    const x = values.length < 2 ? 0 : i / (values.length - 1) * width, y = height - v / top * height;
    path += `${pen ? 'L' : 'M'}${x.toFixed(2)} ${y.toFixed(2)}`;
    pen = true;
  });
  return path;
}

export function spark(values, what, {still} = {}) {
  const seen = known(values), top = Math.max(1e-9, ...seen) * 1.15;
  const {attributes, nodes} = named(what, seen.length
    ? `The last minute: lowest ${number(Math.min(...seen))}, highest ${number(Math.max(...seen))}, now ${number(seen.at(-1))}.` : 'Nothing was measured yet.');
  const line = tracePath(values, top, 224, 27), whole = seen.length === values.length && seen.length > 1;
  return svg('svg', {class: `spark${still || !Math.max(0, ...seen) ? ' still' : ''}`, viewBox: '0 0 224 28', preserveAspectRatio: 'none', ...attributes},
    ...nodes, whole ? svg('path', {class: 'area', d: `${line}L224 28L0 28Z`}) : null, svg('path', {class: 'trace', d: line}));
}

// Several lines over time. series: [{name, values, second}]; one scale.
export function lines(title, {start, step_s, changes = []}, series, unit) {
  const all = known(series.flatMap(s => s.values)), top = Math.max(1e-9, ...all) * 1.1;
  const n = Math.max(...series.map(s => s.values.length), 1);
  const at = i => new Date(Date.parse(start) + i * step_s * 1000).toISOString();
  const {attributes, nodes} = named(title, all.length
    ? series.map(s => { const k = known(s.values); return k.length ? `${s.name}: highest ${number(Math.max(...k))}, last ${number(k.at(-1))} ${unit}.` : ''; }).join(' ') : 'Nothing was measured in this span.');
  return el('div', {class: 'chartbox'},
    el('div', {class: 'axis'}, el('span', {}, all.length ? `${number(top / 1.1)} ${unit}` : ''), el('span', {}, series.length > 1 ? series.map(s => s.name).join(' \u00b7 ') : '')),
    svg('svg', {class: 'lines', viewBox: '0 0 600 110', preserveAspectRatio: 'none', width: '100%', height: 110, ...attributes}, ...nodes,
      changes.map(c => {
        const x = (Date.parse(c.at) - Date.parse(start)) / (n * step_s * 1000) * 600;
        return x > 0 && x < 600 ? svg('line', {class: 'mark-line', x1: x, x2: x, y1: 0, y2: 110}, svg('title', {}, `${clock(c.at)} ${c.text}`)) : null;
      }),
      series.map((s, i) => svg('path', {class: `trace${i ? ' second' : ''}`, d: tracePath(s.values, top, 600, 109)}))),
    el('div', {class: 'axis'}, [0, Math.floor(n / 2), n - 1].map(i => el('span', {}, clock(at(i)).slice(0, 11)))));
}
export function linesTable(title, {start, step_s}, series, unit) {
  const n = Math.max(0, ...series.map(s => s.values.length));
  const rows = [...Array(n).keys()].reverse();
  return table([{name: 'Time (UTC)', cell: i => clock(new Date(Date.parse(start) + i * step_s * 1000).toISOString())},
    ...series.map(s => ({name: `${s.name}, ${unit}`, num: true, cell: i => s.values[i] === null ? '\u2014' : number(s.values[i])}))], rows, {caption: title});
}

// How long things took: one bar a bucket, all strips of a table on one logarithmic axis.
export function strip(counts, what, said) {
  const top = Math.max(1, ...counts), {attributes, nodes} = named(what, said), w = 300 / counts.length;
  return svg('svg', {class: 'strip', viewBox: '0 0 300 30', preserveAspectRatio: 'none', ...attributes}, ...nodes,
    counts.map((c, i) => c ? svg('rect', {x: (i * w).toFixed(1), width: (w * .9).toFixed(1), y: (30 - Math.max(1.5, c / top * 30)).toFixed(1), height: 30}) : null));
}

// Mails over time as stacked bars; dragging chooses a span. mails: {start, step_s, sent, deferred, dead}.
// choose(from, to) gets ISO times; chosen: [from, to] or null.
export function histogram(mails, {height = 150, choose, chosen, label, gap = .34}) {
  const n = mails.sent.length, begin = Date.parse(mails.start), step = mails.step_s * 1000;
  const at = i => new Date(begin + i * step).toISOString().replace('.000Z', 'Z');
  const parts = [['sent', mails.sent], ['retried', mails.deferred], ['dead', mails.dead]];
  const total = i => parts.reduce((s, [, v]) => s + (v[i] ?? 0), 0);
  const top = Math.max(1, ...[...Array(n).keys()].map(total));
  const {attributes, nodes} = named(label, `${number(parts[0][1].reduce((a, b) => a + b, 0))} sent, ${number(mails.deferred.reduce((a, b) => a + b, 0))} retried, ${number(mails.dead.reduce((a, b) => a + b, 0))} dead. The same as a table: follow "table".`);
  const pct = x => `${(x * 100).toFixed(3)}%`;
  const bars = [];
  for (let i = 0; i < n; i++) {
    let y = height - 1;
    for (const [name, values] of parts) {
      if (!values[i]) continue;
      const h = Math.max(name === 'sent' ? 1 : 5, values[i] / top * (height - 20));
      y -= h;
      bars.push(svg('rect', {class: name, x: pct((i + gap / 2) / n), width: pct((1 - gap) / n), y: y.toFixed(1), height: h.toFixed(1), rx: 2}));
      y -= 3;
    }
    bars.push(svg('rect', {class: 'hot', x: pct(i / n), width: pct(1 / n), y: 0, height},
      svg('title', {}, `${clock(at(i)).slice(-8).slice(0, 5)}: ${number(mails.sent[i])} sent, ${number(mails.deferred[i])} retried, ${number(mails.dead[i])} dead`)));
  }
  const span = (from, to) => [svg('rect', {class: 'chosen', x: pct(from), width: pct(Math.max(0, to - from)), y: 0, height}),
    ...[from, to].map(x => svg('line', {class: 'edge', x1: pct(x), x2: pct(x), y1: 0, y2: height}))];
  const place = t => Math.min(1, Math.max(0, (Date.parse(t) - begin) / (n * step)));
  const pen = svg('g', {}, chosen ? span(place(chosen[0]), place(chosen[1])) : null);
  const box = el('div', {class: 'hist'}, svg('svg', {height, ...attributes}, ...nodes, ...bars,
    svg('line', {class: 'base', x1: 0, x2: '100%', y1: height - .5, y2: height - .5}), pen),
  el('div', {class: 'axis quarters'}, [0, 1, 2, 3].map(q => el('span', {}, at(Math.floor(q * n / 4)).slice(11, 16)))));
  if (choose) dragging(box, (a, b, done) => {
    const cell = x => Math.min(n - 1, Math.max(0, Math.floor(x * n)));
    const [from, to] = [cell(Math.min(a, b)), cell(Math.max(a, b)) + 1];
    box.querySelector('svg > g').replaceChildren(...span(from / n, to / n));
    if (done) choose(at(from), at(to));
  });
  return box;
}

// While somebody drags, live updates keep off the chart (main.js asks `dragged`).
export let dragged = false;
function dragging(box, move) {
  let begin = null;
  const where = e => {
    const r = box.getBoundingClientRect();
    return (e.clientX - r.left) / r.width;
  };
  box.onpointerdown = e => {
    if (e.button !== 0) return;
    begin = where(e);
    dragged = true;
    e.currentTarget.setPointerCapture(e.pointerId);
    e.preventDefault();
  };
  box.onpointermove = e => { if (begin !== null) move(begin, where(e), false); };
  box.onpointerup = e => {
    if (begin === null) return;
    const from = begin;
    begin = null;
    dragged = false;
    move(from, where(e), true);
  };
  box.onpointercancel = () => { begin = null; dragged = false; };
}

export function histogramTable(mails, link) {
  const at = i => new Date(Date.parse(mails.start) + i * mails.step_s * 1000).toISOString().replace('.000Z', 'Z');
  return table([
    {name: 'From (UTC)', cell: i => el('a', {href: link(at(i), at(i + 1)), class: 'plain'}, clock(at(i)))},
    {name: 'Sent', num: true, cell: i => number(mails.sent[i])}, {name: 'Retried', num: true, cell: i => number(mails.deferred[i])},
    {name: 'Dead', num: true, cell: i => number(mails.dead[i])}], [...mails.sent.keys()].reverse(), {caption: 'Mails over time'});
}
