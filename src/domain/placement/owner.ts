/**
 * Which of `owners` a tenant's service belongs to. The same for the same names, always, so that a service's symbols
 * meet in one head.
 *
 * @returns 0 <= owner < owners
 * @source  FNV-1a, 32 bits (Fowler, Noll, Vo), over the UTF-16 units; then multiply-shift instead of a division
 */
export function ownerOf(tenant: string, service: string, owners: number): number {
  const hash = fnv1a(service, fnv1a(tenant, 0x811c9dc5) ^ 0xff);
  // The low bits of FNV are its weak ones, so the range is taken from the high ones, after another round.
  return Number((BigInt(Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0) * BigInt(owners)) >> 32n);
}

function fnv1a(text: string, basis: number): number {
  let hash = basis;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
