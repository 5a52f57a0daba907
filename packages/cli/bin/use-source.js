// In this repository every package is run from its TypeScript, so that nothing needs a build and no old build is ever run by
// mistake. A package is found there through the condition that its `exports` declare for it, and this adds the condition to the
// running process, which saves starting a second one with `--conditions=millrace-source`.
import { registerHooks } from 'node:module'

registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier, { ...context, conditions: [...context.conditions, 'millrace-source'] }),
})
