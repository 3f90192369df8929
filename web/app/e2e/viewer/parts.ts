/** What tests and benchmarks call in the page. */

export * from '../../src/viewer/copcNodes'
export * from '../../src/viewer/looks'
export * from '../../src/viewer/pack'
export { COLOUR_MODES } from '../../src/viewer/types'
export { modelOf } from '../../src/viewer/useModel'
