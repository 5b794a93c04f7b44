import { equal, match } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formHint, isUrlEncodedForm, linesRunTogether } from '#src/transports/http/url-encoded-form.ts';

const FORM = 'application/x-www-form-urlencoded';

test('a form of fields is told by its content type, whatever its case and parameters', () => {
  for (const type of [FORM, 'Application/X-WWW-Form-URLEncoded', `${FORM}; charset=UTF-8`]) {
    equal(isUrlEncodedForm(type), true, type);
  }
  for (const type of ['', 'multipart/form-data; boundary=b', 'application/octet-stream', `${FORM}x`, `${FORM};;`]) {
    equal(isUrlEncodedForm(type), false, type);
  }
});

describe('the hint for a body that cannot be read', () => {
  const stripped = Buffer.from('1f8b0803ff4b', 'hex');

  test("says that it came as a form, and what curl's -d does to a file", () => {
    match(formHint(FORM, stripped), /^; it came as a form \(application\/x-www-form-urlencoded\): .*--data-binary/);
  });

  test('is none where the content type says something else', () => {
    for (const type of ['', 'application/octet-stream']) equal(formHint(type, stripped), '', type);
  });

  test('is none where the body has what would be missing: it was sent whole', () => {
    for (const byte of ['0a', '0d', '00']) equal(formHint(FORM, Buffer.from(`1f8b08${byte}03`, 'hex')), '', byte);
  });

  test('looks at the first 64 KiB alone', () => {
    const body = Buffer.alloc(1 << 17, 'a');
    body[(1 << 16) - 1] = 0;
    equal(formHint(FORM, body), '');
    match(formHint(FORM, body.fill('a').fill(0, 1 << 16)), /./);
  });
});

describe('lines of folded text that run together', () => {
  const told = (text: string): string | undefined => linesRunTogether(Buffer.from(text));

  test('show where the root begins again behind a count', () => {
    equal(told('main;work 3main;idle 2'), 'its lines run together: behind the count 3 its root "main" begins again');
    match(told('a b;c 3a b;d 2') ?? '', /"a b"/);
    match(told('x;main;x;y 17x;z 1') ?? '', /count 17 /);
    match(told(`m;w ${'9'.repeat(20)}m;i 2`) ?? '', /count 9{20} /);
    match(told('main;a9main;b 3main;c 1') ?? '', /count 3 /);
    match(told('main;main 3main;idle 2') ?? '', /count 3 /);
  });

  test('do not in one line, whatever its frames are', () => {
    for (const text of [
      'main;work 3',
      'main;work',
      'main',
      '',
      ';a 3;b 2',
      'main;std::array<int, 3ul>::at;unknown 0x7f12;2nd try;work 3',
      'main;main;main 3',
      'main;a 3 main;b 2',
      'main;a3main;b 2',
      'main;a 3domain;b 2',
      'main;a 3mainly;b 2',
      `main;a ${'9'.repeat(21)}main;b 2`,
    ]) {
      equal(told(text), undefined, text);
    }
  });

  test('are looked for in as many bytes as a line may have', () => {
    const roots = 'a;'.repeat(1 << 20);
    equal(told(`${roots}b 3a;c 1`), undefined);
    match(told(`${'a;'.repeat(30_000)}b 3a;c 1`) ?? '', /count 3 /);
  });
});
