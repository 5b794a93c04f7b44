import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { languageOf } from '#src/domain/pprof/language.ts';

describe('languageOf', () => {
  test('believes the name of the agent before anything else', () => {
    equal(languageOf('pyspy', ['main.go']), 'python');
    equal(languageOf('grafana-agent.java', []), 'java');
  });

  test('knows every agent', () => {
    const agents = {
      ...{ dotnetspy: 'dotnet', gospy: 'go', phpspy: 'php', pyspy: 'python', rbspy: 'ruby', nodespy: 'nodejs' },
      ...{ javaspy: 'java', 'grafana-agent.java': 'java', 'pyroscope-rs': 'rust' },
    };
    deepEqual(Object.fromEntries(Object.keys(agents).map((spy) => [spy, languageOf(spy, [])])), agents);
  });

  test('knows every mark, at either end of a text', () => {
    const marks = {
      ...{ '.go': 'go', '/usr/local/go/': 'go', 'java/': 'java', 'sun/': 'java', '.rb': 'ruby', 'gems/': 'ruby' },
      ...{ './node_modules/': 'nodejs', '.js': 'nodejs', 'System.': 'dotnet', 'Microsoft.': 'dotnet' },
      ...{ '.py': 'python', 'main.rs': 'rust', 'core.rs': 'rust' },
    };
    for (const [mark, language] of Object.entries(marks)) {
      deepEqual(
        [`${mark}x`, `x${mark}`, mark, `x${mark}x`].map((text) => languageOf(undefined, [text])),
        [language, language, language, 'unknown'],
        mark,
      );
    }
  });

  test('tries the languages in one order', () => {
    equal(languageOf(undefined, ['gems/app.js']), 'ruby');
    equal(languageOf(undefined, ['sun/tool.go']), 'go');
    equal(languageOf(undefined, ['System.py']), 'dotnet');
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
