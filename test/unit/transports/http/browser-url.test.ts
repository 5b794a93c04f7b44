import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { browserUrl } from '#src/transports/http/browser-url.ts';

test('a server on every interface or on the loopback is on localhost', () => {
  for (const host of ['', '0.0.0.0', '::', '127.0.0.1', '::1']) equal(browserUrl(host, 4040), 'http://localhost:4040');
});

test('a server on one address is there and nowhere else', () => {
  equal(browserUrl('10.1.2.3', 4040), 'http://10.1.2.3:4040');
  equal(browserUrl('kiln.example', 80), 'http://kiln.example:80');
  equal(browserUrl('2001:db8::1', 4040), 'http://[2001:db8::1]:4040');
});
