import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pushCommand } from '#src/ui/push-command.js';

describe('pushCommand', () => {
  test('pushes to where the page is, whatever is shown', () => {
    const expected = "curl --data-binary @cpu.pb.gz 'http://kiln:4040/ingest?name=my-service&format=pprof'";
    equal(pushCommand('http://kiln:4040/', ''), expected);
    equal(pushCommand('http://kiln:4040/?service=a/b&range=5#top', ''), expected);
    equal(pushCommand('https://proxy/kiln/', '').includes("'https://proxy/kiln/ingest?"), true);
  });

  test('names the tenant where there are several', () => {
    const command = "curl -H 'X-Scope-OrgID: acme' --data-binary @cpu.pb.gz";
    equal(pushCommand('http://kiln:4040/', 'acme').startsWith(command), true);
    equal(pushCommand('http://kiln:4040/', "it's").includes("-H 'X-Scope-OrgID: it'\\''s' "), true);
  });
});
