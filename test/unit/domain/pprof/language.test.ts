import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { languageOf } from '#src/domain/pprof/language.ts';

describe('languageOf', () => {
  test('believes the name of the agent before anything else', () => {
    equal(languageOf('pyspy', ['main.go']), 'python');
    equal(languageOf('grafana-agent.java', []), 'java');
  });

  test('otherwise takes the first string that starts or ends like one of a language', () => {
    equal(languageOf(undefined, ['', 'cpu', '/src/main.go', 'x.py']), 'go');
    equal(languageOf('unknown', ['java/lang/Thread.run', 'main.go']), 'java');
    equal(languageOf('', ['gems/rake']), 'ruby');
    equal(languageOf(undefined, ['./node_modules/a']), 'nodejs');
    equal(languageOf(undefined, ['System.Threading']), 'dotnet');
    equal(languageOf(undefined, ['src/main.rs']), 'rust');
  });

  test('does not know what nothing tells', () => {
    equal(languageOf(undefined, ['', 'cpu', 'a.gox', 'x/java/y']), 'unknown');
  });
});
