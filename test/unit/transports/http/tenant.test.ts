import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseTenants, readTenants, writeTenant } from '#src/transports/http/tenant.ts';

describe('parseTenants', () => {
  test('gives everything to one tenant while multi-tenancy is off, whatever the header says', () => {
    for (const header of ['', 'a', 'a b']) {
      deepEqual(parseTenants(header, false), { kind: 'tenants', ids: ['anonymous'] });
    }
  });

  for (const [header, ids] of [
    ['a', ['a']],
    ['b|a|b', ['a', 'b']],
    ['a:meta|b:x:y', ['a', 'b']],
    ["A-z_0.9*'()!", ["A-z_0.9*'()!"]],
    ['x'.repeat(150), ['x'.repeat(150)]],
    ['x|', ['', 'x']],
    ['|', ['']],
    [':meta', ['']],
    ['...', ['...']],
  ] as const) {
    test(`finds ${JSON.stringify(ids).slice(0, 40)} in ${JSON.stringify(header).slice(0, 40)}`, () => {
      deepEqual(parseTenants(header, true), { kind: 'tenants', ids });
    });
  }

  test('tells a missing header from a malformed one', () => {
    equal(parseTenants('', true).kind, 'missing');
    for (const header of ['a b', 'a/b', '.', '..', 'a|..', 'ä', 'x'.repeat(151)]) {
      equal(parseTenants(header, true).kind, 'malformed', header);
    }
  });

  test('says what a comma may come from', () => {
    deepEqual(parseTenants('acme, other', true), {
      kind: 'malformed',
      problem:
        'the org ID has an unsupported character "," at 4, as if the header X-Scope-OrgID were sent several times',
    });
  });
});

describe('readTenants', () => {
  test('leaves out the empty id, which names nobody', () => {
    deepEqual(readTenants(parseTenants('b|a|', true), 'unauthenticated'), ['a', 'b']);
    deepEqual(readTenants(parseTenants('|', true), 'unauthenticated'), []);
  });

  test('refuses a malformed header as the route asks, and a missing one always alike', () => {
    throws(() => readTenants(parseTenants('a b', true), 'unauthenticated'), { code: 'unauthenticated' });
    throws(() => readTenants(parseTenants('a b', true), 'invalid-argument'), { code: 'invalid-argument' });
    throws(() => readTenants(parseTenants('', true), 'invalid-argument'), { code: 'unauthenticated' });
  });
});

describe('writeTenant', () => {
  test('is the one tenant there is', () => {
    equal(writeTenant(parseTenants('a|a:meta', true)), 'a');
  });

  test('refuses several, also when one of them is empty', () => {
    for (const header of ['a|b', 'a|']) {
      throws(() => writeTenant(parseTenants(header, true)), { code: 'unauthenticated' });
    }
  });

  test('refuses the empty id as a wrong argument', () => {
    throws(() => writeTenant(parseTenants('|', true)), { code: 'invalid-argument' });
  });
});
