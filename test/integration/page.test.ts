// The page as a person sees it, in a real browser, against a real Kiln.

import { deepEqual, equal } from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { BrowserDidNotStart, BrowserTab } from '../fixtures/browser-tab.ts';
import { HeldRequests } from '../fixtures/held-requests.ts';
import { kilnOfSuite } from '../fixtures/suite-kiln.ts';
import { prepared } from '../fixtures/toolchain.ts';

const CHROMIUM = { command: ['chromium', '--version'], version: [110, 0] } as const;
const MINUTE_MS = 60_000;

const CPU = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
const OBJECTS = 'memory:alloc_objects:count:space:bytes';
const SPACE = 'memory:alloc_space:bytes::';
const GONE = 'There is no data for the service "gone" in this range.';

describe('the page', { timeout: 5 * MINUTE_MS }, () => {
  const kiln = kilnOfSuite();

  test('shows the service of a link, its profiles and its largest functions', async (t) => {
    await push('shop');
    const page = await opened(t, '?service=shop');
    if (page === undefined) return;

    deepEqual(await shown(page), { service: 'shop', status: '', graph: true });
    equal(await page.valueOf('document.querySelector("#top").textContent'), '30 ms100.0 %work');
  });

  test('a link to a service that is not there shows no other one, and says so', async (t) => {
    await push('shop');
    const page = await opened(t, '?service=gone&range=60');
    if (page === undefined) return;

    deepEqual(await shown(page), { service: 'gone', status: GONE, graph: false });
    equal(await page.valueOf('location.search'), '?service=gone&range=60');
    await choose(page, 'service', 'shop');
    deepEqual(await shown(page), { service: 'shop', status: '', graph: true });
  });

  test('a link to a type that a service does not have shows no other one, and says so', async (t) => {
    await push('shop');
    const type = 'memory:inuse_space:bytes:space:bytes';
    const page = await opened(t, `?service=shop&type=${type}`);
    if (page === undefined) return;

    const status = `There are no profiles "${type}" of the service "shop" in this range.`;
    deepEqual(await shown(page), { service: 'shop', status, graph: false });
  });

  test('another range has its own services, and what was chosen stays so', async (t) => {
    await push('shop');
    const page = await opened(t, '?service=shop&range=5');
    if (page === undefined) return;
    await push('late', { agoMs: 20 * MINUTE_MS });
    equal(await servicesOf(page), 'shop');

    await choose(page, 'range', '60');
    equal(await servicesOf(page), 'late,shop');
    await choose(page, 'service', 'late');
    await choose(page, 'range', '5');
    const status = 'There is no data for the service "late" in this range.';
    deepEqual(await shown(page), { service: 'late', status, graph: false });
    equal(await servicesOf(page), 'late,shop');

    await choose(page, 'until', localTime(18 * MINUTE_MS));
    deepEqual(await shown(page), { service: 'late', status: '', graph: true });
    equal(await servicesOf(page), 'late');
  });

  test('a range before the lookback is told from one without profiles', async (t) => {
    await push('shop');
    const page = await opened(t, '?service=shop&until=2020-01-01T12:00');
    if (page === undefined) return;

    const status =
      'Queries look back 7d (--querier.max-query-lookback), and this range ended before: nothing was looked for.';
    deepEqual(await shown(page), { service: 'shop', status, graph: false });
    equal(await page.valueOf('document.querySelector("#empty").hidden'), true);
    await choose(page, 'until', '');
    deepEqual(await shown(page), { service: 'shop', status: '', graph: true });
    equal(await typeOf(page), CPU);
  });

  test('another type shows its own graph', async (t) => {
    await push('types');
    await push('types', { name: 'types.alloc_space', stack: 'allocate 7' });
    const page = await opened(t, '?service=types');
    if (page === undefined) return;
    equal(await typeOf(page), CPU);
    equal(await largest(page), 'work');

    await choose(page, 'type', SPACE);
    deepEqual(await shown(page), { service: 'types', status: '', graph: true });
    equal(await largest(page), 'allocate');
    equal(await page.valueOf('new URLSearchParams(location.search).get("type")'), SPACE);
  });

  test('another service keeps the type if it has it, and else shows one of its own', async (t) => {
    for (const service of ['both', 'memory'])
      await push(service, { name: `${service}.alloc_space`, stack: `${service} 7` });
    await push('both');
    await push('shop');
    const page = await opened(t, `?service=both&type=${SPACE}`);
    if (page === undefined) return;

    await choose(page, 'service', 'memory');
    equal(await typeOf(page), SPACE);
    await choose(page, 'service', 'both');
    equal(await typeOf(page), SPACE);
    equal(await largest(page), 'both');
    await choose(page, 'service', 'shop');
    deepEqual(await shown(page), { service: 'shop', status: '', graph: true });
    equal(await typeOf(page), CPU);
    await choose(page, 'service', 'memory');
    deepEqual(await shown(page), { service: 'memory', status: '', graph: true });
    equal(await typeOf(page), SPACE);
  });

  test('of two requests under way the later one is shown, whichever is answered first', async (t) => {
    await push('shop');
    await push('aaa', { stack: 'ofA 3' });
    await push('bbb', { stack: 'ofB 3' });
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const page = await opened(t, '?service=shop');
      if (page === undefined) return;
      const requests = await HeldRequests.of(page);
      await pick(page, 'service', 'aaa');
      await pick(page, 'service', 'bbb');
      equal(await requests.methods(), 'SelectMergeStacktraces,SelectMergeStacktraces');
      deepEqual(await shown(page), { service: 'bbb', status: 'Asking for the flame graph …', graph: true });

      for (const index of order) await requests.letGo(index);
      deepEqual(await shown(page), { service: 'bbb', status: '', graph: true });
      equal(await largest(page), 'ofB');
    }
  });

  test('a request that is under way does not show its graph under a service that is not there', async (t) => {
    await push('shop');
    const page = await opened(t, '?service=gone&range=60');
    if (page === undefined) return;
    const requests = await HeldRequests.of(page);
    await pick(page, 'service', 'shop');
    await choose(page, 'service', 'gone');
    deepEqual(await shown(page), { service: 'gone', status: GONE, graph: false });

    await requests.letGo(0);
    deepEqual(await shown(page), { service: 'gone', status: GONE, graph: false });
  });

  test('a request that is under way does not show its graph under a type that is not there', async (t) => {
    await push('shop');
    const page = await opened(t, `?service=shop&type=${OBJECTS}&range=60`);
    if (page === undefined) return;
    const requests = await HeldRequests.of(page);
    await pick(page, 'type', CPU);
    await choose(page, 'type', OBJECTS);
    const status = `There are no profiles "${OBJECTS}" of the service "shop" in this range.`;
    deepEqual(await shown(page), { service: 'shop', status, graph: false });

    await requests.letGo(0);
    deepEqual(await shown(page), { service: 'shop', status, graph: false });
  });

  for (const [name, value] of [
    ['service', 'both'],
    ['type', SPACE],
  ] as const) {
    test(`a ${name} that is chosen while services are looked for is shown among those of the new range`, async (t) => {
      for (const service of ['shop', 'both']) {
        await push(service);
        await push(service, { name: `${service}.alloc_space`, stack: `${value} 7` });
      }
      await push('old', { agoMs: 20 * MINUTE_MS });
      const page = await opened(t, '?service=shop&range=5');
      if (page === undefined) return;
      const requests = await HeldRequests.of(page);
      await pick(page, 'range', '60');
      await pick(page, name, value);
      equal(await requests.methods(), 'Series,Series');

      for (const index of [0, 1, 2]) await requests.letGo(index);
      equal(await requests.methods(), 'Series,Series,SelectMergeStacktraces');
      equal(await page.valueOf(`document.querySelector('[name=${name}]').value`), value);
      equal((await servicesOf(page)).includes('old'), true);
      equal(await page.valueOf('document.querySelector("#result").hidden'), false);
    });
  }

  test('after a request that failed no graph of an earlier one is left', async (t) => {
    await push('aaa', { stack: 'ofA 3' });
    await push('bbb', { stack: 'ofB 3' });
    const page = await opened(t, '?service=aaa');
    if (page === undefined) return;
    const requests = await HeldRequests.of(page);
    await pick(page, 'service', 'bbb');
    await requests.fail(0, 422, 'too large');
    deepEqual(await shown(page), { service: 'bbb', status: '422: too large', graph: false });

    await pick(page, 'service', 'aaa');
    await requests.letGo(1);
    deepEqual(await shown(page), { service: 'aaa', status: '', graph: true });
    await pick(page, 'range', '15');
    await requests.fail(2, 503, 'not now');
    deepEqual(await shown(page), { service: 'aaa', status: '503: not now', graph: false });
  });

  test('a range whose services could not be looked for is not called empty', async (t) => {
    await push('shop');
    const page = await opened(t, `?until=${localTime(24 * 60 * MINUTE_MS)}`);
    if (page === undefined) return;
    equal(await page.valueOf('document.querySelector("#empty").hidden'), false);
    const requests = await HeldRequests.of(page);
    await pick(page, 'range', '15');
    await requests.fail(0, 503, 'not now');
    equal(await page.valueOf('document.querySelector("#empty").hidden'), true);
  });

  /** A flame graph of `main` and `work`, in a range that ended now. */
  async function push(
    service: string,
    { name = `${service}.cpu`, stack = 'main;work 3', agoMs = 0 } = {},
  ): Promise<void> {
    const until = Math.floor((Date.now() - agoMs) / 1000);
    const path = `/ingest?name=${name}&sampleRate=100&from=${until - 10}&until=${until}`;
    equal((await kiln.client.post(path, stack)).status, 200);
  }

  /** @returns undefined when there is no browser, or none that starts: the test is skipped */
  async function opened(t: TestContext, search: string): Promise<BrowserTab | undefined> {
    if (!(await prepared(t, { tools: [CHROMIUM], folder: '.', fetch: [] }))) return undefined;
    try {
      const page = await BrowserTab.open({ after: (work) => t.after(work) }, `${kiln.client.url}/${search}`);
      await settled(page);
      return page;
    } catch (error) {
      if (!(error instanceof BrowserDidNotStart)) throw error;
      t.skip(`did not run: ${error.message}`);
      return undefined;
    }
  }
});

/** As the field for the end of a range has it. */
function localTime(agoMs: number): string {
  const offsetMs = new Date().getTimezoneOffset() * MINUTE_MS;
  return new Date(Date.now() - agoMs - offsetMs).toISOString().slice(0, 16);
}

/** As a person picks it or types it, and waits for what is shown then. */
async function choose(page: BrowserTab, name: string, value: string): Promise<void> {
  await pick(page, name, value);
  await settled(page);
}

async function pick(page: BrowserTab, name: string, value: string): Promise<void> {
  await page.valueOf(`{
    const field = document.querySelector('[name=${name}]');
    field.value = ${JSON.stringify(value)};
    field.dispatchEvent(new Event('change', { bubbles: true }));
  }`);
}

/** Waits until the page has heard all that it asked for. */
async function settled(page: BrowserTab): Promise<void> {
  await page.until(
    `document.readyState === 'complete' && !document.querySelector('#status').textContent.endsWith('…')`,
  );
}

async function servicesOf(page: BrowserTab): Promise<string> {
  const names = '[...document.querySelector("[name=service]").options].map(({ value }) => value).join()';
  return String(await page.valueOf(names));
}

function typeOf(page: BrowserTab): Promise<unknown> {
  return page.valueOf('document.querySelector("[name=type]").value');
}

/** The function that is first in the table beside the graph. */
function largest(page: BrowserTab): Promise<unknown> {
  return page.valueOf('document.querySelector("#top tr td:last-child").textContent');
}

function shown(page: BrowserTab): Promise<unknown> {
  return page.valueOf(`({
    service: document.querySelector('[name=service]').value,
    status: document.querySelector('#status').textContent,
    graph: !document.querySelector('#result').hidden,
  })`);
}
