import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { frameName } from '#src/domain/query/frame-names.ts';
import { symbolsOf } from '../profile/symbols-of.ts';

function nameOf(frame: { mapping?: number; address: number }): string {
  const mappings = [
    { file: '/lib/libc.so', start: 0x100000, limit: 0x200000, offset: 0x1000 },
    { file: '' },
    { file: '/lib/' },
    { file: '[vdso]', start: 0x7000 },
  ];
  const { symbols } = symbolsOf([[[{ ...frame, lines: [] }], 1n]], { mappings });
  return Buffer.from(frameName(symbols, symbols.stacks.location[1])).toString();
}

test('a frame without lines is called by its file and the offset in it', () => {
  equal(nameOf({ mapping: 1, address: 0x102ca0 }), 'libc.so+0x3ca0');
  equal(nameOf({ mapping: 4, address: 0x7010 }), '[vdso]+0x10');
});

test('it is called by its address when the file is not known', () => {
  equal(nameOf({ mapping: 0, address: 0x2a }), '0x2a');
  equal(nameOf({ mapping: 2, address: 0x2a }), '0x2a');
  equal(nameOf({ mapping: 3, address: 0x2a }), '0x2a');
  equal(nameOf({ mapping: 0, address: 0 }), '0x0');
});

test('an address below its mapping wraps around, as addresses do', () => {
  equal(nameOf({ mapping: 4, address: 0x6fff }), '[vdso]+0xffffffffffffffff');
});
