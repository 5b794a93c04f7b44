import { deepEqual, equal, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type FormPart, parseForm } from '#src/transports/http/multipart.ts';
import { Random } from '../../../fixtures/random.ts';

const TYPE = 'multipart/form-data; boundary=b';

function parse(text: string, contentType = TYPE): Promise<FormPart[]> {
  return parseForm(Buffer.from(text, 'latin1'), contentType);
}

function part(disposition: string, data: string): string {
  return `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${data}\r\n`;
}

async function shown(parts: Promise<FormPart[]>): Promise<string[]> {
  return (await parts).map(({ name, filename, data }) => `${name}|${filename}|${Buffer.from(data).toString('latin1')}`);
}

describe('parseForm', () => {
  test('finds the parts, with their names, file names and bytes', async () => {
    const text = `${part('name="profile"; filename="p.pprof"', 'a\r\n--\0b')}${part('name=x', '')}--b--\r\n`;

    deepEqual(await shown(parse(text)), ['profile|p.pprof|a\r\n--\0b', 'x|undefined|']);
  });

  test('copies nothing', async () => {
    const body = Buffer.from(`${part('name=p', 'data')}--b--`);

    const [found] = await parseForm(body, TYPE);

    equal(found?.data.buffer, body.buffer);
  });

  test('ignores what stands before the first and after the last boundary', async () => {
    deepEqual(await shown(parse(`hello\r\n${part('name=p', 'x')}--b--\r\n--b\r\n`)), ['p|undefined|x']);
  });

  test('takes a form without parts, parts without headers, and blanks after a boundary', async () => {
    deepEqual(await shown(parse('--b--')), []);
    deepEqual(await shown(parse('--b \t\r\n\r\nx\r\n--b--')), ['|undefined|x']);
  });

  test('takes an empty file name for none, and an encoded one for one', async () => {
    deepEqual(await shown(parse(`${part('name=p; filename=""', 'x')}--b--`)), ['p|undefined|x']);
    deepEqual(await shown(parse(`${part("name=p; filename*=utf-8''f", 'x')}--b--`)), ["p|utf-8''f|x"]);
  });

  test('reads a quoted boundary, and header names in any case', async () => {
    const text = '--a b\r\ncontent-DISPOSITION: form-data; name=p\r\n\r\nx\r\n--a b--';

    deepEqual(await shown(parse(text, 'Multipart/Form-Data; boundary="a b"')), ['p|undefined|x']);
  });

  // Around the slices of one MiB in which the body is searched: the boundary may lie across two.
  for (const bytes of [0, 1, (1 << 20) - 80, (1 << 20) - 64, (1 << 20) - 60, (1 << 20) - 50, 1 << 20, 3 << 20]) {
    test(`finds the end of a part of ${bytes} bytes`, async () => {
      const data = '\r'.repeat(bytes);

      const [found] = await parse(`${part('name=p', data)}--b--`);

      equal(found?.data.length, bytes);
    });
  }

  for (const [problem, text, contentType] of [
    ['no boundary in the content type', '--x', 'multipart/form-data'],
    ['an empty boundary', '--', 'multipart/form-data; boundary=""'],
    ['a boundary that is too long', '', `multipart/form-data; boundary=${'b'.repeat(71)}`],
    ['an empty body', '', TYPE],
    ['another boundary', '--x', TYPE],
    ['no closing boundary', part('name=p', 'x'), TYPE],
    ['garbage after a boundary', '--bxx\r\n\r\n\r\n--b--', TYPE],
    ['headers without an end', '--b\r\nContent-Disposition: form-data\r\n--b--', TYPE],
    ['headers that are too long', `--b\r\nX: ${'y'.repeat(20_000)}\r\n\r\nx\r\n--b--`, TYPE],
    ['too many parts', `${part('name=p', '').repeat(65)}--b--`, TYPE],
  ] as const) {
    test(`refuses ${problem}`, async () => {
      await rejects(parse(text, contentType), { code: 'invalid-argument' });
    });
  }

  test('either understands or refuses any body, and never reads beyond it', async (t) => {
    const alphabet = [
      '--b',
      '--',
      '\r\n',
      '\r\n--b',
      '\r\n\r\n',
      'Content-Disposition: form-data; name="p"',
      'x',
      '\0',
    ];
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
    t.diagnostic(`seed ${seed}`);
    const random = new Random(seed);
    for (let round = 0; round < 5000; round++) {
      const text = Array.from({ length: random.int(0, 20) }, () => alphabet[random.int(0, alphabet.length - 1)]).join(
        '',
      );
      try {
        for (const { data } of await parse(text)) equal(data.length <= text.length, true);
      } catch (error) {
        equal((error as { code?: string }).code, 'invalid-argument', `seed ${seed}: ${JSON.stringify(text)}`);
      }
    }
  });
});
