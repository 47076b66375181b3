"""The multiplexed link between nodes: `pencere-link/2`. docs/specs/node-link.md."""
