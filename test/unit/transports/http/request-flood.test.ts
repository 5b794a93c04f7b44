import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nextTurn } from '#src/platform/next-turn.ts';
import { RequestFlood } from '#src/transports/http/request-flood.ts';

describe('RequestFlood', () => {
  /** @param times one for each request, in milliseconds */
  function meets(flood: RequestFlood, clock: { nowMs: number }, times: readonly number[]): boolean[] {
    return times.map((ms) => {
      clock.nowMs = ms;
      return flood.meets();
    });
  }

  function floodOf(connections: number): [RequestFlood, { nowMs: number }] {
    const clock = { nowMs: 0 };
    const flood = new RequestFlood({ now: () => clock.nowMs }, 500);
    flood.connections(connections);
    return [flood, clock];
  }

  test('is many more requests than connections in a turn that takes long, and begins anew with its end', () => {
    const [flood, clock] = floodOf(2);
    const requests = Array.from({ length: 19 }, (_, i) => i);

    equal(meets(flood, clock, requests).includes(true), false);
    equal(meets(flood, clock, [500]).includes(true), false);
    equal(meets(flood, clock, [501]).includes(true), true);
    equal(meets(flood, clock, [502]).includes(true), false);
  });

  test('is no long turn in which every connection has its request, even if it is gone', () => {
    const [flood, clock] = floodOf(1000);
    equal(meets(flood, clock, [0]).includes(true), false);
    flood.connections(-1);
    flood.connections(1);

    equal(
      meets(
        flood,
        clock,
        Array.from({ length: 1000 }, () => 9000),
      ).includes(true),
      false,
    );
  });

  test('is no number of requests in many turns', async () => {
    const [flood, clock] = floodOf(1);
    for (let turn = 0; turn < 100; turn++) {
      equal(meets(flood, clock, [turn * 1000]).includes(true), false);
      await nextTurn();
    }
  });
});
