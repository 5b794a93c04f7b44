import { equal, match } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formHint, isUrlEncodedForm } from '#src/transports/http/url-encoded-form.ts';

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
