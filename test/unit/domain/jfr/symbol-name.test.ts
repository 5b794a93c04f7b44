import { equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mayBeUnstable, stableSymbol } from '#src/domain/jfr/symbol-name.ts';

const cases: [symbol: string, stable: string][] = [
  ['java/lang/Thread', 'java/lang/Thread'],
  ['', ''],
  ['jdk/internal/reflect/GeneratedMethodAccessor31', 'jdk/internal/reflect/GeneratedMethodAccessor_'],
  ['jdk/internal/reflect/GeneratedMethodAccessor', 'jdk/internal/reflect/GeneratedMethodAccessor'],
  ['x/jdk/internal/reflect/GeneratedMethodAccessor31', 'x/jdk/internal/reflect/GeneratedMethodAccessor31'],
  ['Fib$$Lambda.0x00007ffa600c4da0', 'Fib$$Lambda_'],
  ['a/B$$Lambda$8/0x0000000800c01220', 'a/B$$Lambda_'],
  ['a/B$$Lambda$8/2092350474', 'a/B$$Lambda_'],
  ['a/B$$Lambda/1234abCD', 'a/B$$Lambda_'],
  ['a/B$$Lambda17', 'a/B$$Lambda_'],
  ['a/B$$Lambda$17', 'a/B$$Lambda$17'],
  ['a/B$$Lambda$run$1$123.0x0123', 'a/B$$Lambda$run$1$123.0x0123'],
  ['a/B$$Lambda$8/0xyz', 'a/B$$Lambda$8/0xyz'],
  ['A$$Lambda$1/0x1$$Lambda$2/0x2', 'A$$Lambda$1/0x1$$Lambda_'],
  ['libzstd-jni-1.5.2-312345.so', 'libzstd-jni-_.so'],
  ['/tmp/libzstd-jni-1.5.2-312345.so (deleted)', 'libzstd-jni-_.so'],
  ['./tmp/libzstd-jni-1.5.2-312345.so', 'libzstd-jni-_.so'],
  ['/opt/libzstd-jni-1.5.2-312345.so', '/opt/libzstd-jni-1.5.2-312345.so'],
  [
    '/tmp/amazonCorrettoCryptoProviderNativeLibraries.7382c2f79097f415/libcrypto.so (deleted)',
    'libamazonCorrettoCryptoProvider_.so',
  ],
  ['libamazonCorrettoCryptoProvider109b39cf33c563eb.so', 'libamazonCorrettoCryptoProvider_.so'],
  ['libamazonCorrettoCryptoProvider109b39cf33c563.so', 'libamazonCorrettoCryptoProvider109b39cf33c563.so'],
  ['libasyncProfiler-linux-arm64-17b9a1d8156277a98ccc871afa9a8f69215f92.so', 'libasyncProfiler-_.so'],
  ['libasyncProfiler-linux-arm64-0000.so', 'libasyncProfiler-linux-arm64-0000.so'],
  ['org/A$$EnhancerBySpringCGLIB$$3f2a', 'org/A$$EnhancerBySpringCGLIB$$_'],
  ['org/A$$EnhancerBySpringCGLIB$$', 'org/A$$EnhancerBySpringCGLIB$$'],
];

describe('stableSymbol', () => {
  for (const [symbol, stable] of cases) {
    test(`makes ${JSON.stringify(stable)} of ${JSON.stringify(symbol)}`, () => equal(stableSymbol(symbol), stable));
  }

  for (const [symbol, stable] of cases) {
    test(`is asked when ${JSON.stringify(symbol)} may be another symbol`, () => {
      const bytes = Buffer.from(`x${symbol}x`);
      ok(symbol === stable || symbol.includes('$$') || mayBeUnstable(bytes, 1, symbol.length));
    });
  }

  test('takes time in proportion to the symbol', () => {
    const hostile = [
      '$$Lambda'.repeat(1 << 16),
      `$$Lambda$${'1'.repeat(1 << 19)}`,
      `$$Lambda.${'0'.repeat(1 << 19)}x`,
      `jdk/internal/reflect/GeneratedMethodAccessor${'9'.repeat(1 << 19)}x`,
      `libzstd-jni-${'1.'.repeat(1 << 18)}`,
      '$$EnhancerBySpringCGLIB$$'.repeat(1 << 15),
    ];
    const start = process.cpuUsage();

    for (const symbol of hostile) ok(stableSymbol(symbol).length > 0);

    // Some milliseconds; a pattern that goes back takes minutes.
    ok(process.cpuUsage(start).user < 1_000_000);
  });
});
