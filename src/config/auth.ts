import { onOff } from './kinds.ts';
import type { Section } from './section.ts';

export type AuthConfig = {
  /** Off: one tenant, `anonymous`, and the header is ignored. On: every request needs `X-Scope-OrgID`. */
  readonly multitenancyEnabled: boolean;
};

export const authSection: Section<AuthConfig> = {
  title: 'Tenants',
  defaults: { multitenancyEnabled: false },
  knobs: {
    multitenancyEnabled: {
      flag: 'auth.multitenancy-enabled',
      kind: onOff,
      meaning: 'Requests name their tenant in X-Scope-OrgID; without it there is one tenant.',
    },
  },
};
