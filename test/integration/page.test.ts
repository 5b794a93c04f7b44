// The page as a person sees it, in a real browser, against a real Kiln.

import { deepEqual, equal } from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { BrowserDidNotStart, BrowserTab } from '../fixtures/browser-tab.ts';
import { kilnOfSuite } from '../fixtures/suite-kiln.ts';
import { prepared } from '../fixtures/toolchain.ts';

const CHROMIUM = { command: ['chromium', '--version'], version: [110, 0] } as const;
const MINUTE_MS = 60_000;

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

    const status = 'There is no data for the service "gone" in this range.';
    deepEqual(await shown(page), { service: 'gone', status, graph: false });
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
    await push('late', 20 * MINUTE_MS);
    equal(await servicesOf(page), 'shop');

    await choose(page, 'range', '60');
    equal(await servicesOf(page), 'late,shop');
    await choose(page, 'service', 'late');
    await choose(page, 'range', '5');
    const status = 'There is no data for the service "late" in this range.';
    deepEqual(await shown(page), { service: 'late', status, graph: false });
    equal(await servicesOf(page), 'late,shop');

    const before = new Date(Date.now() - 18 * MINUTE_MS - new Date().getTimezoneOffset() * MINUTE_MS);
    await choose(page, 'until', before.toISOString().slice(0, 16));
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
    equal(
      await page.valueOf('document.querySelector("[name=type]").value'),
      'process_cpu:cpu:nanoseconds:cpu:nanoseconds',
    );
  });

  /** A flame graph of `main` and `work`, in a range that ended so long ago. */
  async function push(service: string, agoMs = 0): Promise<void> {
    const until = Math.floor((Date.now() - agoMs) / 1000);
    const path = `/ingest?name=${service}.cpu&sampleRate=100&from=${until - 10}&until=${until}`;
    equal((await kiln.client.post(path, 'main;work 3')).status, 200);
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

/** As a person picks it or types it. */
async function choose(page: BrowserTab, name: string, value: string): Promise<void> {
  await page.valueOf(`{
    const field = document.querySelector('[name=${name}]');
    field.value = ${JSON.stringify(value)};
    field.dispatchEvent(new Event('change', { bubbles: true }));
  }`);
  await settled(page);
}

/** Waits until the page has heard all that it asked for. */
async function settled(page: BrowserTab): Promise<void> {
  await page.until(
    `document.readyState === 'complete' && !document.querySelector('#status').textContent.endsWith('…')`,
  );
}

function servicesOf(page: BrowserTab): Promise<unknown> {
  return page.valueOf('[...document.querySelector("[name=service]").options].map(({ value }) => value).join()');
}

function shown(page: BrowserTab): Promise<unknown> {
  return page.valueOf(`({
    service: document.querySelector('[name=service]').value,
    status: document.querySelector('#status').textContent,
    graph: !document.querySelector('#result').hidden,
  })`);
}
