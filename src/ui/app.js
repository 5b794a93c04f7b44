// Glue: the form and the address on one side, the API and the flame graph on the other. What a person would want to
// share is in the address: service, profile type, range, tenant, search and zoom.

import { choiceOf } from './choice.js';
import { draw, ROW_HEIGHT } from './flamegraph-draw.js';
import {
  layoutOf,
  neighbour,
  placeAt,
  placeOf,
  shareOf,
  spanOf,
  topFunctions,
  valueText,
} from './flamegraph-layout.js';
import { lookbackOf } from './lookback.js';
import { pushCommand } from './push-command.js';

const element = (id) => document.getElementById(id);
const form = element('form');
const canvas = element('graph');
const scroller = element('scroller');
const search = element('search');
const darkScheme = window.matchMedia('(prefers-color-scheme: dark)');
const WHOLE = { left: 0, right: 1 };
const SERVICE = 'service_name';
const TYPE = '__profile_type__';

/** Profile types by service, in the range that was asked for last. */
let services = new Map();
/** Whether that is the range of the form. */
let listed = false;
/** How far back queries look, where that range ended before; else empty. */
let lookback = '';
let layout = { rows: [], total: 0 };
let view = WHOLE;
let selected;
let unit = '';
let requests = new AbortController();

const address = new URLSearchParams(location.search);
form.elements.range.value = address.get('range') ?? '';
if (form.elements.range.value === '') form.elements.range.value = '60'; // None, or not in the list.
form.elements.until.value = address.get('until') ?? '';
form.elements.tenant.value = address.get('tenant') ?? '';
element('tenant').hidden = !address.has('tenant');
search.value = address.get('search') ?? '';

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void showAll();
});
form.elements.service.addEventListener('change', () => {
  // A type that was chosen for another service is no wish for this one.
  const kept = typesOf().includes(form.elements.type.value) ? form.elements.type.value : '';
  fillTypes(kept);
  void (listed ? showGraph() : showAll());
});
form.elements.type.addEventListener('change', () => void (listed ? showGraph() : showAll()));
for (const name of ['range', 'until']) form.elements[name].addEventListener('change', () => void showAll());
search.addEventListener('input', () => {
  remember('search', search.value);
  redraw();
});
element('reset').addEventListener('click', () => zoomTo({ depth: 0, index: 0 }));
scroller.addEventListener('scroll', redraw);
window.addEventListener('resize', redraw);
darkScheme.addEventListener('change', redraw);
canvas.addEventListener('click', (event) => {
  const place = placeUnder(event);
  if (place !== undefined) zoomTo(place);
  showTip(event, placeUnder(event));
});
canvas.addEventListener('mousemove', (event) => showTip(event, placeUnder(event)));
canvas.addEventListener('mouseleave', () => showTip());
canvas.addEventListener('keydown', onKey);
void showAll();

async function showAll() {
  listed = false;
  const found = await guarded('Looking for services …', async (signal) => {
    const asked = { matchers: [], labelNames: [SERVICE, TYPE], ...range() };
    const { answer, partial } = await call('Series', asked, signal);
    const { labelsSet = [] } = answer;
    lookback = lookbackOf(partial);
    services = new Map();
    for (const { labels } of labelsSet) {
      const valueOf = (name) => labels.find((label) => label.name === name)?.value;
      const service = valueOf(SERVICE);
      if (service === undefined || valueOf(TYPE) === undefined) continue;
      services.set(service, [...(services.get(service) ?? []), valueOf(TYPE)]);
    }
    fill(form.elements.service, [...services.keys()].sort(), wish('service'));
    fillTypes(wish('type'));
    listed = true;
  });
  if (found) await showGraph();
}

async function showGraph() {
  const service = form.elements.service.value;
  const profileTypeID = form.elements.type.value;
  for (const name of ['service', 'type', 'range', 'until', 'tenant']) remember(name, form.elements[name].value);
  const lack = lackOf(service, profileTypeID);
  if (lack !== undefined) {
    requests.abort(); // Its graph would stand under what is chosen now.
    element('result').hidden = true;
    return say(lack);
  }

  const shown = await guarded('Asking for the flame graph …', async (signal) => {
    const labelSelector = `{${SERVICE}=${JSON.stringify(service)}}`;
    const { answer } = await call('SelectMergeStacktraces', { profileTypeID, labelSelector, ...range() }, signal);
    layout = layoutOf(answer.flamegraph ?? { names: [], levels: [] });
    unit = profileTypeID.split(':')[2] ?? '';
    selected = placeOf(layout, address.get('zoom') ?? '');
    view = selected === undefined ? WHOLE : spanOf(layout, selected);
    if (selected === undefined) remember('zoom', '');
    fillTop();
    element('result').hidden = layout.total === 0;
    redraw();
  });
  if (shown && layout.total === 0) say(noneOfType(service, profileTypeID));
}

/** Why there is nothing to ask for. */
function lackOf(service, profileTypeID) {
  if (lookback !== '') {
    return `Queries look back ${lookback} (--querier.max-query-lookback), and this range ended before: nothing was looked for.`;
  }
  if (service === '') return '';
  if (!services.has(service)) return `There is no data for the service "${service}" in this range.`;
  return typesOf().includes(profileTypeID) ? undefined : noneOfType(service, profileTypeID);
}

function noneOfType(service, profileTypeID) {
  return `There are no profiles "${profileTypeID}" of the service "${service}" in this range.`;
}

/** Runs one request at a time: a new one ends the one before it. Says what failed, and whether it went well. */
async function guarded(message, run) {
  requests.abort();
  requests = new AbortController();
  const { signal } = requests;
  say(message);
  try {
    await run(signal);
    say('');
    element('empty').hidden = services.size > 0 || lookback !== '';
    element('push').textContent = pushCommand(location.href, form.elements.tenant.value);
    if (services.size === 0) element('result').hidden = true;
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    // What is shown is of an earlier choice.
    element('result').hidden = true;
    element('empty').hidden = true;
    say(error.message, 'error');
    return false;
  }
}

async function call(method, request, signal) {
  const headers = { 'Content-Type': 'application/json' };
  if (form.elements.tenant.value !== '') headers['X-Scope-OrgID'] = form.elements.tenant.value;
  const path = `querier.v1.QuerierService/${method}`;
  const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(request), signal });
  const text = await response.text();
  if (response.ok) return { answer: JSON.parse(text), partial: response.headers.get('X-Kiln-Partial') ?? '' };

  if (response.status === 401) {
    element('tenant').hidden = false;
    if (form.elements.tenant.value === '') throw new Error('This server has several tenants: enter a tenant above.');
  }
  let reason = text;
  try {
    reason = JSON.parse(text).message ?? text;
  } catch {
    // Not JSON: the text is the reason, such as that of a proxy.
  }
  throw new Error(`${response.status}: ${reason}`);
}

function range() {
  const { until, range } = form.elements;
  const end = until.value === '' ? Date.now() : new Date(until.value).getTime();
  return { start: end - Number(range.value) * 60_000, end };
}

/** What is chosen; at first what the address names. */
function wish(name) {
  return form.elements[name].value || (address.get(name) ?? '');
}

/** Profile types of the service that is chosen. */
function typesOf() {
  return services.get(form.elements.service.value) ?? [];
}

function fillTypes(wanted) {
  const types = typesOf().sort();
  fill(
    form.elements.type,
    types,
    wanted,
    types.find((type) => type.includes(':cpu:')),
  );
}

function fill(select, found, wanted, otherwise) {
  const { offered, chosen } = choiceOf(found, wanted, otherwise);
  select.replaceChildren(...offered.map((value) => new Option(value, value)));
  select.value = chosen;
}

function fillTop() {
  const rows = topFunctions(layout, 30).map(({ name, self }) => {
    const row = document.createElement('tr');
    for (const text of [valueText(self, unit), percent(self / layout.total), name]) row.insertCell().textContent = text;
    return row;
  });
  element('top').replaceChildren(...rows);
}

function redraw() {
  if (element('result').hidden) return;
  const fullHeight = layout.rows.length * ROW_HEIGHT;
  const height = Math.min(fullHeight, Math.floor(window.innerHeight * 0.72));
  element('spacer').style.height = `${fullHeight - height}px`;
  const wanted = search.value.toLowerCase();
  const matches = wanted === '' ? undefined : (name) => name.toLowerCase().includes(wanted);
  const state = { view, top: scroller.scrollTop, width: scroller.clientWidth, height, matches, selected };
  draw(canvas, layout, { ...state, dark: darkScheme.matches });
  element('share').textContent = matches === undefined ? '' : `${percent(shareOf(layout, matches))} of the whole`;
  element('detail').textContent = selected === undefined ? '' : textOf(selected);
  element('reset').disabled = view.right - view.left === 1;
}

function zoomTo(place) {
  const span = spanOf(layout, place);
  if (span.left === span.right) return;
  selected = place;
  view = span;
  remember('zoom', place.depth === 0 ? '' : layout.rows[place.depth].path[place.index]);
  redraw();
}

function onKey(event) {
  const direction = { ArrowUp: 'up', ArrowDown: 'down', ArrowLeft: 'left', ArrowRight: 'right' }[event.key];
  if (direction !== undefined) {
    selected = selected === undefined ? { depth: 0, index: 0 } : neighbour(layout, selected, direction);
    const y = selected.depth * ROW_HEIGHT;
    if (y < scroller.scrollTop) scroller.scrollTop = y;
    const below = y + ROW_HEIGHT - canvas.clientHeight;
    if (below > scroller.scrollTop) scroller.scrollTop = below;
    const { left, right } = spanOf(layout, selected);
    if (left >= view.right || right <= view.left) view = WHOLE;
    redraw();
  } else if (event.key === 'Enter' && selected !== undefined) {
    zoomTo(selected);
  } else if (event.key === 'Escape') {
    zoomTo({ depth: 0, index: 0 });
  } else {
    return;
  }
  event.preventDefault();
}

function placeUnder(event) {
  const box = canvas.getBoundingClientRect();
  const depth = Math.floor((event.clientY - box.top + scroller.scrollTop) / ROW_HEIGHT);
  return placeAt(layout, view, depth, (event.clientX - box.left) / box.width);
}

function showTip(event, place) {
  const tip = element('tip');
  tip.hidden = place === undefined;
  if (place === undefined) return;
  tip.textContent = textOf(place);
  tip.style.left = `${Math.max(0, Math.min(event.clientX + 12, window.innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${Math.min(event.clientY + 16, window.innerHeight - tip.offsetHeight - 8)}px`;
}

function textOf({ depth, index }) {
  const { name, total, self } = layout.rows[depth];
  const share = percent(total[index] / layout.total);
  return `${name[index]}: ${valueText(total[index], unit)} (${share}), own ${valueText(self[index], unit)}`;
}

function percent(share) {
  return `${(share * 100).toFixed(share < 0.1 ? 2 : 1)} %`;
}

function remember(name, value) {
  if (value === '') address.delete(name);
  else address.set(name, value);
  history.replaceState(null, '', address.size === 0 ? location.pathname : `?${address}`);
}

function say(message, kind = '') {
  element('status').textContent = message;
  element('status').className = kind;
}
