import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RateLimiter } from '#src/services/distributor/rate-limiter.ts';
import { FakeClock } from '../../../fixtures/fake-clock.ts';

const rate = { bytesPerSecond: 1000, burstBytes: 500 };

describe('RateLimiter', () => {
  test('lets a burst through, then as much as time brings', async () => {
    const clock = new FakeClock();
    const limiter = new RateLimiter(clock);

    equal(limiter.take('a', 500, rate), true);
    equal(limiter.take('a', 1, rate), false);
    await clock.turn(100);
    equal(limiter.take('a', 101, rate), false);
    equal(limiter.take('a', 100, rate), true);
  });

  test('never saves more than a burst', async () => {
    const clock = new FakeClock();
    const limiter = new RateLimiter(clock);

    limiter.take('a', 500, rate);
    await clock.turn(3_600_000);

    equal(limiter.take('a', 501, rate), false);
    equal(limiter.take('a', 500, rate), true);
  });

  test('takes nothing from what does not fit', () => {
    const limiter = new RateLimiter(new FakeClock());

    equal(limiter.take('a', 501, rate), false);
    equal(limiter.take('a', 500, rate), true);
  });

  test('says when it fits, unless it never does', async () => {
    const clock = new FakeClock();
    const limiter = new RateLimiter(clock);
    limiter.take('a', 500, rate);
    limiter.charge('a', 200, rate);

    equal(limiter.waitMs('a', 300, rate), 500);
    equal(limiter.waitMs('a', 501, rate), undefined);
    equal(limiter.waitMs('b', 500, rate), 0);
    equal(limiter.waitMs('a', 501, { ...rate, bytesPerSecond: 0 }), 0);
    await clock.turn(500);
    equal(limiter.waitMs('a', 300, rate), 0);
    equal(limiter.take('a', 300, rate), true);
  });

  test('keeps tenants apart', () => {
    const limiter = new RateLimiter(new FakeClock());

    equal(limiter.take('a', 500, rate), true);
    equal(limiter.take('b', 500, rate), true);
  });

  test('charges afterwards what was larger than it said, which must be earned first', async () => {
    const clock = new FakeClock();
    const limiter = new RateLimiter(clock);

    limiter.take('a', 100, rate);
    limiter.charge('a', 900, rate);
    await clock.turn(500);
    equal(limiter.take('a', 1, rate), false);
    await clock.turn(1);
    equal(limiter.take('a', 1, rate), true);
  });

  test('gives back what was not used, of a debt too, and never more than a burst', async () => {
    const clock = new FakeClock();
    const limiter = new RateLimiter(clock);

    limiter.take('a', 100, rate);
    limiter.charge('a', 900, rate);
    limiter.giveBack('a', 700, rate);
    equal(limiter.waitMs('a', 201, rate), 1);
    equal(limiter.take('a', 200, rate), true);

    await clock.turn(400);
    limiter.giveBack('a', 300, rate);
    limiter.giveBack('new', 300, rate);
    for (const tenant of ['a', 'new']) {
      equal(limiter.take(tenant, 501, rate), false);
      equal(limiter.take(tenant, 500, rate), true);
    }
  });

  test('is off at a rate of 0', () => {
    const limiter = new RateLimiter(new FakeClock());

    limiter.giveBack('a', 2 ** 40, { bytesPerSecond: 0, burstBytes: 0 });

    equal(limiter.take('a', 2 ** 40, { bytesPerSecond: 0, burstBytes: 0 }), true);
    equal(limiter.tenantCount, 0);
  });

  test('forgets tenants once their bucket is full again', async () => {
    const clock = new FakeClock();
    const limiter = new RateLimiter(clock);

    for (let i = 0; i < 10; i++) limiter.take(`t${i}`, 500, rate);
    equal(limiter.tenantCount, 10);
    await clock.turn(499);
    limiter.take('x', 1, rate);
    equal(limiter.tenantCount, 11);
    await clock.turn(1);
    for (let i = 0; i < 5; i++) limiter.take('y', 1, rate);
    equal(limiter.tenantCount, 2);
  });

  test('holds no more tenants than its bound, and forgets the one that was idle longest', () => {
    const limiter = new RateLimiter(new FakeClock(), 3);

    for (const tenant of ['a', 'b', 'c', 'a', 'd']) limiter.take(tenant, 400, rate);

    equal(limiter.tenantCount, 3);
    equal(limiter.take('a', 101, rate), false);
    equal(limiter.take('b', 500, rate), true);
  });
});
