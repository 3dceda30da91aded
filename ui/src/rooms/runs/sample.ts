/** The swarm that is shipped with the product and runs without any key. */
export const SAMPLE_SWARM = 'repo-review'
