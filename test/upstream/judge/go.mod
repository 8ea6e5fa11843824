module cdk8s-mlops.dev/test/upstream/judge

go 1.26
