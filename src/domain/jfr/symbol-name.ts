import type { Bytes } from '#src/domain/model/units.ts';

// Names that the runtime of Java makes up contain addresses and counters, so that no two processes have the same. What
// differs is taken out of them, as Pyroscope does, so that a flame graph shows one frame instead of hundreds.

/** Where the temporary copy of a native library may lie. */
const TEMPORARY = /^(?:\.?\/tmp\/)?/.source;
const DELETED = /(?: \(deleted\))?$/.source;

/**
 * Each is for the whole symbol, and they are tried in this order. None of them can go back over the same characters more
 * than once, because symbols come from outside.
 *
 * @source reference of the write path, "Frames"
 */
const RULES: readonly { readonly mark: string; readonly pattern: RegExp; readonly name: string }[] = [
  {
    mark: 'jdk/internal/reflect/GeneratedMethodAccessor',
    pattern: /^(jdk\/internal\/reflect\/GeneratedMethodAccessor)\d+$/,
    name: '$1_',
  },
  {
    mark: '$$Lambda',
    pattern: /(\$\$Lambda)(?:\$?\d*[./](?:0x)?[\da-fA-F]+|\d+)$/,
    name: '$1_',
  },
  {
    mark: 'libzstd-jni-',
    pattern: new RegExp(`${TEMPORARY}libzstd-jni-\\d+\\.\\d+\\.\\d+-\\d+\\.so${DELETED}`),
    name: 'libzstd-jni-_.so',
  },
  {
    mark: 'amazonCorrettoCryptoProvider',
    pattern: new RegExp(
      `${TEMPORARY}(?:lib)?amazonCorrettoCryptoProvider(?:NativeLibraries\\.)?[\\da-f]{16}` +
        `(?:/libcrypto|/libamazonCorrettoCryptoProvider)?\\.so${DELETED}`,
    ),
    name: 'libamazonCorrettoCryptoProvider_.so',
  },
  {
    mark: 'libasyncProfiler-',
    pattern: new RegExp(
      `${TEMPORARY}libasyncProfiler-(?:linux-arm64|linux-musl-x64|linux-x64|macos)` +
        `-17b9a1d8156277a98ccc871afa9a8f69215f92\\.so${DELETED}`,
    ),
    name: 'libasyncProfiler-_.so',
  },
];

/** What all marks have in common, and few other symbols have. */
const SOME_MARK = /\$\$|GeneratedMethodAccessor|libzstd-jni-|amazonCorrettoCrypto|libasyncProfiler-/;

/** The first rule is for longer symbols alone. */
const ACCESSOR_BYTES = 'jdk/internal/reflect/GeneratedMethodAccessor'.length;

const ENHANCER = '$$EnhancerBySpringCGLIB$$';

/** A symbol without what differs from process to process. */
export function stableSymbol(symbol: string): string {
  if (!SOME_MARK.test(symbol)) return symbol;
  let name = symbol;
  for (const { mark, pattern, name: replacement } of RULES) {
    if (name.includes(mark)) name = name.replace(pattern, replacement);
  }
  // The last mark counts, and something must follow it.
  const mark = name.lastIndexOf(ENHANCER, name.length - ENHANCER.length - 1);
  return mark === -1 ? name : `${name.slice(0, mark + ENHANCER.length)}_`;
}

/**
 * Whether `stableSymbol` may change a symbol in which no two "$" are neighbours: whether it ends as a library does, or as
 * an accessor. It does not change all of them, but many others are known by a byte or two.
 *
 * @shapes source Uint8Array[at least start + length], ASCII
 */
export function mayBeUnstable(source: Uint8Array, start: Bytes, length: Bytes): boolean {
  const end = start + length;
  const last = source[end - 1];
  // ".so" and "(deleted)"
  if (last === 0x6f) return source[end - 2] === 0x73 && source[end - 3] === 0x2e;
  if (last === 0x29) return source[end - 2] === 0x64;
  // "jdk/", and a digit
  return (
    length > ACCESSOR_BYTES && last >= 0x30 && last <= 0x39 && source[start] === 0x6a && source[start + 3] === 0x2f
  );
}
