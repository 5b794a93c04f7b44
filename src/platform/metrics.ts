import { Registry } from 'prom-client';

/** One registry per process. Metrics are made where they are counted; `/metrics` prints them all. */
export const metrics = new Registry();
