import { type CompiledRelabelRule, compileRelabelRule } from './relabel.ts';

/**
 * The rules that apply unless an operator switches them off.
 *
 * Delta profiles of Go are filed with the plain ones. The second pair waits for a `__type__`, which only a client can
 * have set: then *all* sample types of its profile are filed under `process_cpu`.
 */
export const defaultRelabelRules: readonly CompiledRelabelRule[] = [
  replacing('godeltaprof_(.*)', '__name_replaced__', '$0'),
  replacing('godeltaprof_(.*)', '__delta__', 'false'),
  replacing('godeltaprof_(.*)', '__name__', '$1'),
  { ...replacing('wall/cpu', '__name_replaced__', 'wall'), sourceLabels: ['__name__', '__type__'], separator: '/' },
  { ...replacing('wall/cpu', '__name__', 'process_cpu'), sourceLabels: ['__name__', '__type__'], separator: '/' },
];

function replacing(regex: string, targetLabel: string, replacement: string): CompiledRelabelRule {
  return compileRelabelRule({ sourceLabels: ['__name__'], regex, targetLabel, replacement });
}
