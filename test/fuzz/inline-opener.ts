import type { HashSecret } from '#src/domain/model/hash-secret.ts';
import type { AttributeRule } from '#src/domain/otlp/attribute-rules.ts';
import type { ConversionBounds, Upload } from '#src/domain/upload/upload.ts';
import type {
  MessageBounds,
  MessageOpener,
  OpenedProfile,
  OtlpMessage,
  OtlpProfiles,
  PushMessage,
} from '#src/services/distributor/ports.ts';
import { Inflater } from '#src/workers/inflater.ts';
import { type OpenedMessage, openMessage, profilesInSteps } from '#src/workers/open-message.ts';
import { openOtlp } from '#src/workers/open-otlp.ts';
import { openUpload } from '#src/workers/open-upload.ts';
import type { Opening } from '#src/workers/opening.ts';
import { type ConvertedForm, checkConverted } from './check-converted.ts';
import type { TaskMeter } from './task-meter.ts';

/** As `pool.task-bytes-max` has it by default. */
export const TASK_BYTES_MAX = 256 << 20;

const SECRET: HashSecret = [0x5bd1e995, 0x1b873593];

/** Opens messages and converts uploads as a thread of the pool does, in this one, and checks what they came to. */
export class InlineOpener implements MessageOpener {
  readonly #meter: TaskMeter;
  readonly #opening: Opening = { taskBytesMax: TASK_BYTES_MAX, inflater: Inflater.create() };

  constructor(meter: TaskMeter) {
    this.#meter = meter;
  }

  async open(message: PushMessage, bounds: MessageBounds): Promise<OpenedProfile[]> {
    const opened = this.#meter.runSteps('openMessage', openMessage({ ...message, ...bounds }, this.#opening));
    return this.#taken(opened);
  }

  async openUpload(upload: Upload, bounds: ConversionBounds): Promise<OpenedProfile[]> {
    const opened = this.#meter.runSteps('openUpload', openUpload({ upload, bounds }, SECRET, this.#opening));
    return checked(this.#taken(opened), bounds, { anyValue: upload.format === 'jfr', anyType: false });
  }

  async openOtlp(
    message: OtlpMessage,
    rules: readonly AttributeRule[],
    bounds: ConversionBounds,
  ): Promise<OtlpProfiles> {
    const steps = openOtlp({ ...message, rules, bounds }, this.#opening);
    const { opened, ...rest } = this.#meter.runSteps('openOtlp', steps);
    return { profiles: checked(this.#taken(opened), bounds, { anyValue: true, anyType: true }), ...rest };
  }

  /** As the main loop takes it. */
  #taken(opened: OpenedMessage): OpenedProfile[] {
    return this.#meter.runSteps('profilesInSteps', profilesInSteps(opened));
  }
}

function checked(profiles: OpenedProfile[], { limits }: ConversionBounds, form: ConvertedForm): OpenedProfile[] {
  for (const { profile } of profiles) checkConverted(profile, limits, form);
  return profiles;
}
