import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Registry } from 'prom-client';
import { BodyBudget } from '#src/transports/http/body-budget.ts';
import { HttpMetrics } from '#src/transports/http/http-metrics.ts';

const MIB = 1 << 20;

class FakeIntake {
  paused = false;
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
}

/** A budget of 64 MiB, which pauses above 56, with bodies that are open. */
function budgetWith(count: number): { budget: BodyBudget; intakes: FakeIntake[] } {
  const budget = new BodyBudget(64 * MIB, new HttpMetrics(new Registry()));
  const intakes = Array.from({ length: count }, () => new FakeIntake());
  for (const intake of intakes) budget.open(intake);
  return { budget, intakes };
}

function pausedOf(intakes: readonly FakeIntake[]): boolean[] {
  return intakes.map(({ paused }) => paused);
}

describe('BodyBudget', () => {
  test('counts up to its bound exactly, and not a byte more', () => {
    const { budget } = budgetWith(0);

    equal(budget.charge(64 * MIB), true);
    equal(budget.charge(1), false);
    equal(budget.usedBytes, 64 * MIB);

    budget.release(1);
    equal(budget.charge(1), true);
  });

  test('pauses nobody up to seven eighths', () => {
    const { budget, intakes } = budgetWith(2);
    budget.charge(56 * MIB);

    for (const intake of intakes) budget.throttle(intake);

    deepEqual(pausedOf(intakes), [false, false]);
  });

  test('pauses everybody above, except the oldest', () => {
    const { budget, intakes } = budgetWith(3);
    budget.charge(56 * MIB + 1);

    for (const intake of intakes) budget.throttle(intake);

    deepEqual(pausedOf(intakes), [false, true, true]);
  });

  test('lets the next oldest go on when the oldest is complete, though there is no room', () => {
    const { budget, intakes } = budgetWith(3);
    budget.charge(60 * MIB);
    for (const intake of intakes) budget.throttle(intake);

    budget.close(intakes[0] as FakeIntake);

    deepEqual(pausedOf(intakes), [false, false, true]);
  });

  test('lets as many go on as have room for a chunk each, in order of arrival', () => {
    const { budget, intakes } = budgetWith(6);
    budget.charge(60 * MIB);
    for (const intake of intakes) budget.throttle(intake);

    budget.release(5 * MIB); // one MiB below the mark: two chunks

    deepEqual(pausedOf(intakes), [false, false, false, true, true, true]);
  });

  test('reserves what paused bodies may still send, and keeps a sixteenth for others', () => {
    const { budget } = budgetWith(0);
    budget.charge(59 * MIB);

    equal(budget.reserve(MIB + 1), false);
    equal(budget.usedBytes, 59 * MIB);
    equal(budget.reserve(MIB), true);
    equal(budget.charge(4 * MIB), true);
    equal(budget.usedBytes, 64 * MIB);
  });

  test('can pause a body again', () => {
    const { budget, intakes } = budgetWith(2);
    budget.charge(60 * MIB);
    budget.throttle(intakes[1] as FakeIntake);
    budget.release(60 * MIB);
    equal(intakes[1]?.paused, false);

    budget.charge(60 * MIB);
    budget.throttle(intakes[1] as FakeIntake);

    equal(intakes[1]?.paused, true);
  });
});
