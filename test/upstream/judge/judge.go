// Package judge is what all judges share: they read a JSON list of objects from standard input and write a JSON line for each
// object that they know, with everything that they find wrong.
package judge

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// Object is an object as it would be sent to the API server.
type Object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string            `json:"name"`
		Namespace string            `json:"namespace"`
		Labels    map[string]string `json:"labels"`
	} `json:"metadata"`
	// Raw is the whole object as JSON.
	Raw json.RawMessage `json:"-"`
}

// Title names the object in reports.
func (o Object) Title() string {
	if o.Metadata.Namespace == "" {
		return o.Kind + " " + o.Metadata.Name
	}
	return o.Kind + " " + o.Metadata.Namespace + "/" + o.Metadata.Name
}

// Judge finds what is wrong with an object; known is false for objects that are not its to judge.
type Judge func(object Object) (problems []string, known bool)

// Main runs the judge that prepare makes from all objects together. It ends the process with status 2 when the input is none.
func Main(prepare func(all []Object) (Judge, error)) {
	if err := run(prepare); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// Read reads a JSON list of objects.
func Read(in io.Reader) ([]Object, error) {
	var raws []json.RawMessage
	if err := json.NewDecoder(bufio.NewReader(in)).Decode(&raws); err != nil {
		return nil, fmt.Errorf("expected a JSON list of objects: %w", err)
	}
	objects := make([]Object, len(raws))
	for i, raw := range raws {
		if err := json.Unmarshal(raw, &objects[i]); err != nil {
			return nil, fmt.Errorf("object %d: %w", i, err)
		}
		objects[i].Raw = raw
	}
	return objects, nil
}

func run(prepare func(all []Object) (Judge, error)) error {
	objects, err := Read(os.Stdin)
	if err != nil {
		return err
	}
	judge, err := prepare(objects)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for _, object := range objects {
		problems, known := judge(object)
		if !known {
			continue
		}
		report := struct {
			Object   string   `json:"object"`
			Problems []string `json:"problems"`
		}{object.Title(), append([]string{}, problems...)}
		if err := out.Encode(report); err != nil {
			return err
		}
	}
	return nil
}
