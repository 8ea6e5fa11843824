// Command external-secrets judges ExternalSecrets by running their templates as External Secrets does: Go's templates with Sprig's
// functions, over a secret like those that Amazon RDS keeps.
//
// The engine itself is no Go module that others can require, so this repeats its few lines of set-up:
// https://github.com/external-secrets/external-secrets/blob/v2.9.0/runtime/template/v2/template.go
//
// With -secret JSON it prints instead the data, as JSON, that the first ExternalSecret makes of that secret.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"

	"cdk8s-mlops.dev/test/upstream/judge"
)

var exampleSecret = map[string]string{"username": "postgres", "password": `p#=;$%{}[]<>~'\`}

type externalSecret struct {
	Spec struct {
		Target struct {
			Template struct {
				Data map[string]string `json:"data"`
			} `json:"template"`
		} `json:"target"`
	} `json:"spec"`
}

func main() {
	secret := flag.String("secret", "", "print what the first ExternalSecret makes of this secret, a JSON object")
	flag.Parse()
	if *secret == "" {
		judge.Main(prepare)
		return
	}
	if err := printData(*secret); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func prepare([]judge.Object) (judge.Judge, error) {
	return func(object judge.Object) ([]string, bool) {
		if object.Kind != "ExternalSecret" {
			return nil, false
		}
		if _, err := render(object, exampleSecret); err != nil {
			return []string{err.Error()}, true
		}
		return nil, true
	}, nil
}

func printData(secret string) error {
	var values map[string]string
	if err := json.Unmarshal([]byte(secret), &values); err != nil {
		return err
	}
	objects, err := judge.Read(os.Stdin)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if object.Kind != "ExternalSecret" {
			continue
		}
		data, err := render(object, values)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(data)
	}
	return fmt.Errorf("no ExternalSecret is among the %d objects", len(objects))
}

func render(object judge.Object, secret map[string]string) (map[string]string, error) {
	var parsed externalSecret
	if err := json.Unmarshal(object.Raw, &parsed); err != nil {
		return nil, err
	}
	functions := sprig.TxtFuncMap()
	delete(functions, "env")
	delete(functions, "expandenv")
	data := map[string]string{}
	for key, text := range parsed.Spec.Target.Template.Data {
		parsed, err := template.New(key).Option("missingkey=error").Funcs(functions).Parse(text)
		if err != nil {
			return nil, err
		}
		var out strings.Builder
		if err := parsed.Execute(&out, secret); err != nil {
			return nil, err
		}
		data[key] = out.String()
	}
	return data, nil
}
