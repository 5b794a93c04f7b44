import { type Metric, type OpenMetricsContentType, Registry } from 'prom-client';
import { textAnswer } from './answers.ts';
import type { Answer } from './exchange.ts';
import type { MediaType } from './media-type.ts';

/** Whether this process can do its work, and if it cannot, what it waits for. */
export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

export function readyAnswer(readiness: Readiness): Answer {
  return readiness.ready ? textAnswer(200, 'ready') : textAnswer(503, readiness.reason);
}

/** The metrics in the format that the client asks for: OpenMetrics if it names it, otherwise Prometheus text. */
export async function metricsAnswer(registry: Registry, accept: readonly MediaType[]): Promise<Answer> {
  const open = accept.some(({ type }) => type === 'application/openmetrics-text');
  const [contentType, text] = open ? await openMetrics(registry) : [registry.contentType, await registry.metrics()];
  return { status: 200, headers: [['Content-Type', contentType]], body: [Buffer.from(text)] };
}

/** A registry has one format, so the other one takes a second registry with the same metrics. */
async function openMetrics(registry: Registry): Promise<[string, string]> {
  const open = new Registry<OpenMetricsContentType>();
  open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  for (const metric of registry.getMetricsAsArray()) open.registerMetric(metric as unknown as Metric);
  return [open.contentType, await open.metrics()];
}
