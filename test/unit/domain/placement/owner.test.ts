import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ownerOf } from '#src/domain/placement/owner.ts';

const services = Array.from({ length: 2000 }, (_, i) => `service-${i}`);

describe('ownerOf', () => {
  test('is the same for the same names, in every process', () => {
    // Which thread has a head is never stored, but a restart that moves every service would split all symbol spaces.
    deepEqual(
      ['checkout', 'cart', ''].map((service) => ownerOf('acme', service, 1000)),
      [588, 458, 983],
    );
  });

  test('is one of the owners, and the only one when there is one', () => {
    for (const owners of [1, 2, 3, 7, 64]) {
      for (const service of services) {
        const owner = ownerOf('acme', service, owners);
        ok(Number.isInteger(owner) && owner >= 0 && owner < owners, `${owner} of ${owners}`);
      }
    }
    equal(ownerOf('acme', 'checkout', 1), 0);
  });

  test('spreads services that differ in a digit evenly', () => {
    for (const owners of [2, 3, 8]) {
      const counts = new Array<number>(owners).fill(0);
      for (const service of services) counts[ownerOf('acme', service, owners)]++;
      for (const count of counts) {
        ok(Math.abs(count - services.length / owners) < 0.2 * (services.length / owners), `${counts}`);
      }
    }
  });

  test('spreads the same service of many tenants', () => {
    const owners = new Set(Array.from({ length: 50 }, (_, tenant) => ownerOf(`tenant-${tenant}`, 'web', 8)));

    equal(owners.size, 8);
  });

  test('knows where the tenant ends and the service begins', () => {
    notEqual(ownerOf('ab', 'c', 2 ** 20), ownerOf('a', 'bc', 2 ** 20));
  });
});
