module peers/gh

go 1.26

require github.com/cli/cli/v2 v2.83.0
