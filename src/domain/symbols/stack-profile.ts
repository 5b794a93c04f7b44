import type { SymbolColumns } from './symbol-columns.ts';

/** Stacktraces with whole locations, and a value for each: what a pprof is written from. @shapes values [stacks] */
export type StackProfile = { readonly symbols: SymbolColumns; readonly values: BigInt64Array };
