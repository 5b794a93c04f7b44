import { StoreError } from '#src/domain/errors.ts';
import { quoted } from '#src/domain/model/printable.ts';

/** Who asks, as the header says. Routes differ in what they make of the two failures. */
export type TenantHeader =
  | { readonly kind: 'tenants'; readonly ids: readonly string[] }
  | { readonly kind: 'missing' }
  | { readonly kind: 'malformed'; readonly problem: string };

/** The tenant of everything when there is only one. */
const ANONYMOUS: TenantHeader = { kind: 'tenants', ids: ['anonymous'] };

const TENANT_BYTES_MAX = 150;

/**
 * Reads `X-Scope-OrgID`: ids joined by `|`, each with an optional `:metadata` that means nothing here.
 *
 * @returns ids without duplicates, sorted. An empty one can be among them (`a|`): it names nobody
 */
export function parseTenants(header: string, multitenancyEnabled: boolean): TenantHeader {
  if (!multitenancyEnabled) return ANONYMOUS;
  if (header === '') return { kind: 'missing' };
  const ids = new Set<string>();
  for (const part of header.split('|')) {
    const id = part.split(':', 1)[0] as string;
    const problem = problemOf(id);
    if (problem !== undefined) return { kind: 'malformed', problem };
    ids.add(id);
  }
  return { kind: 'tenants', ids: [...ids].sort() };
}

/**
 * The tenants that a query reads: those that can exist. Possibly none, and then there is nothing to find.
 *
 * @throws StoreError 'unauthenticated' when the header is missing; when it is malformed, what `malformed` names
 */
export function readTenants(
  header: TenantHeader,
  malformed: 'unauthenticated' | 'invalid-argument',
): readonly string[] {
  return idsOf(header, malformed).filter((id) => id !== '');
}

/** @throws StoreError 'unauthenticated' unless there is exactly one, 'invalid-argument' when it is the empty one */
export function writeTenant(header: TenantHeader): string {
  const ids = idsOf(header, 'unauthenticated');
  const [id = ''] = ids;
  if (ids.length > 1) throw new StoreError('unauthenticated', 'multiple org IDs present');
  if (id === '') throw new StoreError('invalid-argument', 'the org ID is empty');
  return id;
}

function idsOf(header: TenantHeader, malformed: 'unauthenticated' | 'invalid-argument'): readonly string[] {
  if (header.kind === 'missing') throw noTenant();
  if (header.kind === 'malformed') throw new StoreError(malformed, header.problem);
  return header.ids;
}

/** Its first words are those of Pyroscope. */
export function noTenant(): StoreError {
  return new StoreError('unauthenticated', 'no org id: the header X-Scope-OrgID is missing');
}

/** Every allowed character is one byte, so the length counts bytes. */
function problemOf(id: string): string | undefined {
  const strange = /[^A-Za-z0-9!\-_.*'()]/.exec(id);
  if (strange !== null) {
    const several = strange[0] === ',' ? ', as if the header X-Scope-OrgID were sent several times' : '';
    return `the org ID has an unsupported character ${quoted(strange[0])} at ${strange.index}${several}`;
  }
  if (id.length > TENANT_BYTES_MAX) {
    return `the org ID is too long: ${id.length} bytes, the limit is ${TENANT_BYTES_MAX}`;
  }
  if (id === '.' || id === '..') return `the org ID cannot be "${id}"`;
  return undefined;
}
