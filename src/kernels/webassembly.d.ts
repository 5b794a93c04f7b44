// The part of the WebAssembly API that is used here. The types of Node do not have it, and those of the browser would
// bring the whole DOM along.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: Record<string, Record<string, unknown>>);
    readonly exports: Record<string, unknown>;
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class RuntimeError extends Error {}
  interface ValueOf {
    i32: number;
    i64: bigint;
  }
  class Global<T extends keyof ValueOf> {
    constructor(descriptor: { value: T; mutable?: boolean }, value: ValueOf[T]);
    value: ValueOf[T];
  }
}
