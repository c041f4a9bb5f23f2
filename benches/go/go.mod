module marmot/benches

go 1.22
