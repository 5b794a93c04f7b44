/** The language a program is written in, as far as its profile tells. */
export type Language = 'go' | 'java' | 'ruby' | 'nodejs' | 'dotnet' | 'python' | 'php' | 'rust' | 'unknown';

const LANGUAGE_OF_SPY: ReadonlyMap<string, Language> = new Map([
  ['dotnetspy', 'dotnet'],
  ['gospy', 'go'],
  ['phpspy', 'php'],
  ['pyspy', 'python'],
  ['rbspy', 'ruby'],
  ['nodespy', 'nodejs'],
  ['javaspy', 'java'],
  ['grafana-agent.java', 'java'],
  ['pyroscope-rs', 'rust'],
]);

/** What names and files of each language start or end with. A string is compared in this order. */
export const LANGUAGE_MARKERS: readonly (readonly [marker: string, language: Language])[] = [
  ['.go', 'go'],
  ['/usr/local/go/', 'go'],
  ['java/', 'java'],
  ['sun/', 'java'],
  ['.rb', 'ruby'],
  ['gems/', 'ruby'],
  ['./node_modules/', 'nodejs'],
  ['.js', 'nodejs'],
  ['System.', 'dotnet'],
  ['Microsoft.', 'dotnet'],
  ['.py', 'python'],
  ['main.rs', 'rust'],
  ['core.rs', 'rust'],
];

/** What the agent's name says; undefined when it says nothing. @param spy value of the label `pyroscope_spy` */
export function languageOfSpy(spy: string | undefined): Language | undefined {
  return spy === undefined ? undefined : LANGUAGE_OF_SPY.get(spy);
}

/** The language of the first string of the table that has a marker at either end. @cost O(strings) */
export function languageOfStrings(strings: Iterable<string>): Language {
  for (const string of strings) {
    for (const [marker, language] of LANGUAGE_MARKERS) {
      if (string.startsWith(marker) || string.endsWith(marker)) return language;
    }
  }
  return 'unknown';
}

export function languageOf(spy: string | undefined, strings: Iterable<string>): Language {
  return languageOfSpy(spy) ?? languageOfStrings(strings);
}
