import type { Registry } from 'prom-client';
import type { Bytes } from '#src/domain/model/units.ts';
import { AnswerCount } from './answer-count.ts';
import { BodyBudget } from './body-budget.ts';
import { HttpMetrics } from './http-metrics.ts';

/** The memory that the servers of a process share, whatever protocol they speak. */
export type ServerRoom = {
  readonly metrics: HttpMetrics;
  /** Of the bodies that are being received or worked on. */
  readonly bodies: BodyBudget;
  /** Of the answers that wait for their readers. */
  readonly answers: AnswerCount;
};

/**
 * @param registry        where the servers count
 * @param bodiesBytesMax  of all bodies together
 */
export function createServerRoom(registry: Registry, bodiesBytesMax: Bytes): ServerRoom {
  const metrics = new HttpMetrics(registry);
  return { metrics, bodies: new BodyBudget(bodiesBytesMax, metrics), answers: new AnswerCount(metrics) };
}
